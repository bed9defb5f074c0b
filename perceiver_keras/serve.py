"""An exported model as a Python object: its signatures by name, and answers or errors in words.

Needs the folder and TensorFlow, not the code that made it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import tensorflow as tf

from perceiver_keras.errors import PerceiverError, UsageError, nearest
from perceiver_keras.saved_model import (  # noqa: F401 - latest_version: part of this module
    SENTENCEPIECE_OPS,
    first_line,
    graph_ops,
    latest_version,
    read_task,
)


@dataclass(frozen=True)
class Signature:
    """What one signature takes and gives: names to `tf.TensorSpec`s, first axis B (the batch)."""

    inputs: Mapping[str, tf.TensorSpec]
    outputs: Mapping[str, tf.TensorSpec]


class Servable:
    """A loaded SavedModel.

    Attributes:
      folder: The version folder that was loaded.
      version: Its number, or None where the folder's name is none.
      signatures: {name: Signature}.
      task: What the export says of itself: {"task", "preset", "config", "labels"}; {} for a foreign model.
    """

    def __init__(self, folder: str) -> None:
        """Loads `folder`, a SavedModel or a folder of version folders (the newest is taken).

        Raises:
          PerceiverError: there is no SavedModel, it is half-written, or TensorFlow can't load it.
        """
        self.folder = latest_version(str(folder))
        name = self.folder.rsplit("/", 1)[-1]
        self.version = int(name) if name.isascii() and name.isdigit() else None
        if graph_ops(self.folder) & SENTENCEPIECE_OPS:
            _register_sentencepiece(self.folder)
        try:
            self._model = tf.saved_model.load(self.folder)
            self.task: dict[str, Any] = read_task(self.folder)
        except Exception as error:  # whatever a damaged file makes TensorFlow raise
            raise PerceiverError(
                f"{self.folder} can't be loaded: {first_line(error)} Export or push the model again."
            ) from error
        self._functions = dict(self._model.signatures)
        self.signatures = {
            name: Signature(dict(f.structured_input_signature[1]), dict(f.structured_outputs))
            for name, f in self._functions.items()
        }

    def signature(self, name: str) -> Signature:
        """Raises `UsageError` naming the nearest where the model has no signature of that name."""
        if name not in self.signatures:
            raise UsageError(
                f"The model in {self.folder} has no signature {name!r}.{nearest(name, self.signatures)}"
            )
        return self.signatures[name]

    def predict(
        self, signature: str = "serving_default", /, **inputs: Any
    ) -> dict[str, np.ndarray]:
        """Runs one signature.

        Args:
          signature: Its name.
          **inputs: What it takes by name: arrays, nested lists, or tensors [B, ...].

        Returns:
          Its outputs by name, as NumPy arrays [B, ...] (bytes in object arrays for strings).

        Raises:
          UsageError: unknown signature or input, a missing input, a wrong dtype or shape.
          PerceiverError: the graph refused the values, e.g. bytes that are no image.
        """
        specs = self.signature(signature).inputs
        for name in inputs:
            if name not in specs:
                raise UsageError(f"{signature} has no input {name!r}.{nearest(name, specs)}")
        if missing := sorted(specs.keys() - inputs.keys()):
            raise UsageError(f"{signature} needs {', '.join(missing)} too.")
        tensors = {
            name: _tensor(f"{signature}'s input {name!r}", inputs[name], spec)
            for name, spec in specs.items()
        }
        try:
            outputs = self._functions[signature](**tensors)
        except (tf.errors.OpError, UnicodeDecodeError) as error:  # the message may quote the bytes
            raise PerceiverError(
                f"{signature} can't answer this input: {first_line(error)}"
            ) from error
        return {name: value.numpy() for name, value in outputs.items()}


def _register_sentencepiece(folder: str) -> None:
    try:
        import tensorflow_text  # noqa: F401 - registers the ops
    except ImportError as error:
        raise PerceiverError(
            f"{folder} tokenizes with SentencePiece; install tensorflow-text to load it here."
        ) from error


def _tensor(what: str, value: Any, spec: tf.TensorSpec) -> tf.Tensor:
    """`value` as a tensor of `spec`; widening of numbers is allowed, loss of digits or meaning is not."""
    if isinstance(value, tf.Tensor):
        value = value.numpy()
    strings = spec.dtype == tf.string
    try:
        # Bytes as objects: NumPy's own type for bytes drops NULs at their end.
        as_objects = strings and not isinstance(value, np.ndarray)
        array = np.array(value, dtype=object) if as_objects else np.asarray(value)
    except ValueError as error:  # rows of different lengths
        raise UsageError(f"{what}: expected {_spell(spec)}, got a ragged list.") from error
    if strings and all(isinstance(item, (bytes, str)) for item in array.ravel()):
        tensor = tf.reshape(tf.constant(array.ravel().tolist(), tf.string), array.shape)
    elif not strings and _fits(array.dtype, spec.dtype.as_numpy_dtype):
        tensor = tf.constant(array.astype(spec.dtype.as_numpy_dtype))
    else:
        numeric = array.dtype.kind in "biufc"
        kinds = (
            {array.dtype.name} if numeric else {type(v).__name__ for v in array.ravel().tolist()}
        )
        raise UsageError(f"{what}: expected {_spell(spec)}, got {', '.join(sorted(kinds))}.")
    if not spec.shape.is_compatible_with(tensor.shape):
        raise UsageError(f"{what}: expected {_spell(spec)}, got the shape {list(tensor.shape)}.")
    return tensor


def _fits(given: np.dtype, wanted: Any) -> bool:
    return given.kind in "biuf" and np.can_cast(given, wanted, "same_kind")


def _spell(spec: tf.TensorSpec) -> str:
    if spec.shape.rank is None:
        return spec.dtype.name
    sides = ", ".join("any" if side is None else str(side) for side in spec.shape)
    return f"{spec.dtype.name} [{sides}]"
