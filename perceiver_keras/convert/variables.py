"""Copies weights between a checkpoint and the variables of a built model."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
import tensorflow as tf
from tensorflow import keras

from perceiver_keras.convert.checkpoint import (
    OUR_LAYER_NUMBER,
    Checkpoint,
    Source,
    agreed_sizes,
    count_layers,
    diff,
)
from perceiver_keras.convert.names import RELEASED
from perceiver_keras.errors import PerceiverError
from perceiver_keras.layers.linear import weights_by_path


@dataclass(frozen=True)
class Origin:
    """What a model loaded from official weights remembers about them, so that it can write the same file again."""

    source: Source
    extras: dict[str, np.ndarray] = field(default_factory=dict)


def model_weights(model: keras.Model) -> dict[str, tf.Variable]:
    """Path -> weight of a model: a shared weight under its first path only, and no seeds of random numbers."""
    found, seen = {}, set()
    for path, variable in weights_by_path(model).items():
        if variable.dtype.is_floating and variable.ref() not in seen:
            seen.add(variable.ref())
            found[path] = variable
    return found


def assign(model: keras.Model, checkpoint: Checkpoint) -> None:
    """Gives a built model the weights of a checkpoint: all of them, or none if anything differs.

    Raises `PerceiverError` listing every weight that is missing, unknown or of the wrong shape.
    """
    variables = model_weights(model)
    diff(
        checkpoint.path,
        {name: array.shape for name, array in checkpoint.tensors.items()},
        {name: tuple(variable.shape) for name, variable in variables.items()},
        f"the model {model.name}",
    )
    for name, variable in variables.items():
        variable.assign(np.asarray(checkpoint.tensors[name], variable.dtype.as_numpy_dtype))
    model.origin = Origin(checkpoint.source, checkpoint.extras)


def from_model(model: keras.Model) -> Checkpoint:
    """The checkpoint made of a model's weights; the model must be of a released kind.

    Raises `PerceiverError` if no released model has weights with these names.
    """
    tensors = {name: variable.numpy() for name, variable in model_weights(model).items()}
    layers = count_layers(tensors, OUR_LAYER_NUMBER)
    origin = getattr(model, "origin", Origin("deepmind"))
    for name, entry in RELEASED.items():
        rows = {row.ours: row for row in entry.rows(layers)}
        if rows.keys() == tensors.keys():
            shapes = {path: array.shape for path, array in tensors.items()}
            sizes = agreed_sizes(None, shapes, rows)
            return Checkpoint(name, origin.source, tensors, sizes, origin.extras, path=model.name)
    raise PerceiverError(
        f"{model.name}: its weights do not match any released model ({', '.join(RELEASED)}), so neither "
        "the official code nor the port could load them; save it as a preset folder."
    )
