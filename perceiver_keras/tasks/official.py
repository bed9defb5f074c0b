"""Official weights as models, and models as official files (docs/architecture.md, Released settings)."""

from __future__ import annotations

import dataclasses
import json
import math
import os
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from perceiver_keras.config import PerceiverConfig, TaskConfig
from perceiver_keras.config_tree import merge, override
from perceiver_keras.convert import kind, sizes
from perceiver_keras.convert.checkpoint import Checkpoint
from perceiver_keras.convert.deepmind import read_deepmind, write_deepmind
from perceiver_keras.convert.download import download, printed
from perceiver_keras.convert.hub import preset_of
from perceiver_keras.convert.huggingface import WEIGHTS, read_huggingface, write_huggingface
from perceiver_keras.convert.variables import Origin, assign, from_model
from perceiver_keras.data.imagenet import class_names
from perceiver_keras.errors import UsageError
from perceiver_keras.layers.weights_only import without_values
from perceiver_keras.remote import as_path, local_copy
from perceiver_keras.tasks import registry, transfer

if TYPE_CHECKING:
    from perceiver_keras.tasks.model import TaskModel
    from perceiver_keras.tasks.task import Task


def load_deepmind(path: str | os.PathLike[str], **overrides: Any) -> TaskModel:
    """The model in one of DeepMind's released pickles; the file determines which model it is, and its sizes.

    Args:
        path: the pickle. It is untrusted: nothing in it is run.
        overrides: keys of the model's configuration that the file does not determine, such as
            `image_size=(64, 64)` with Fourier positions; nested ones with two underscores,
            `process__num_blocks=2`.

    Raises:
        PerceiverError: not such a pickle, or tensors are missing, extra or misshapen (all listed).
    """
    return model_of(read_deepmind(path), **overrides)


def load_huggingface(path: str | os.PathLike[str], **overrides: Any) -> TaskModel:
    """The model in a Hugging Face repository's folder, or in its `.safetensors` or `.bin` file alone.

    Arguments and errors are those of `load_deepmind`. The model has the exact GELU, like the PyTorch port; the numbers
    of blocks and heads come from the `config.json` next to the weights, else they are the released ones.
    """
    return model_of(read_huggingface(path), **overrides)


def load_official(path: str | os.PathLike[str], **overrides: Any) -> TaskModel:
    """`load_deepmind` or `load_huggingface`, depending on the content of the file."""
    return model_of(read_official(path), **overrides)


def read_official(path: str | os.PathLike[str]) -> Checkpoint:
    path = local_copy(path)
    if not path.is_dir() and kind.kind_of(path) == "pickle":
        return read_deepmind(path)
    return read_huggingface(path)


def read_weights(weights: str | os.PathLike[str], preset: str) -> Checkpoint | None:
    """The official weights that `from_preset(preset, weights=...)` means; None if they are a file or folder of ours.

    "deepmind", "huggingface" and a repository's name are downloaded once, with progress on standard error.
    """
    if named := preset_of(weights):
        preset, weights = named, "huggingface"
    if weights in ("deepmind", "huggingface"):
        return read_official(
            download(preset, str(weights), progress=printed(f"{weights}/{preset}"))
        )
    return read_official(weights) if is_official(weights) else None


def is_official(path: str | os.PathLike[str]) -> bool:
    """Whether a path holds official weights, judged by content; False for files and folders of ours, and for none."""
    path = as_path(path)
    if path.is_dir():
        return any((path / name).is_file() for name in WEIGHTS)
    return path.is_file() and kind.kind_of(local_copy(path)) != "keras_h5"


def model_of(checkpoint: Checkpoint, **overrides: Any) -> TaskModel:
    """A model of the checkpoint's kind and sizes, with its weights; overrides as in `load_deepmind`."""
    task = _home(checkpoint.model)
    config = config_of(checkpoint, task.presets[checkpoint.model].config, **overrides)
    return _with_weights(task.model, config, checkpoint)


def model_from(
    model_class: type[TaskModel], preset: TaskConfig, checkpoint: Checkpoint, **overrides: Any
) -> TaskModel:
    """A model of `model_class` with the checkpoint's sizes; what the file does not determine comes from `preset`.

    With overrides of the head or the picture's size, a head that does not fit stays new, and learned positions are
    interpolated. Fourier positions keep the frequencies of the preset's picture size.

    Raises:
        UsageError: the checkpoint is of another kind of model.
        PerceiverError: something other than a head does not fit.
    """
    home = _home(checkpoint.model).model
    if model_class is not home:
        raise UsageError(
            f"{checkpoint.path} holds the weights of {checkpoint.model}, which is a {home.__name__} and not a "
            f"{model_class.__name__}; load it with convert.load_{checkpoint.source}."
        )
    # The size of a picture that is not square is known only if it is given.
    size = overrides.get("image_size", ())
    same_size = len(size) == 2 and math.prod(size) == checkpoint.sizes.get("places")
    start = config_of(checkpoint, preset, **({"image_size": size} if same_size else {}))
    heads = (*model_class.head_settings, "image_size")
    if not any(key in heads for key in overrides):
        return _with_weights(model_class, config_of(checkpoint, preset, **overrides), checkpoint)
    config = configured(model_class, start, start.model, **overrides)
    model = model_class(config.model).build_all()
    model.task_config, model.labels = config, _labels(checkpoint, config)
    model.origin = Origin(checkpoint.source, checkpoint.extras)
    source = transfer.Start(str(checkpoint.path), home, start.model, checkpoint.tensors)
    return transfer.into(model, source)


def start_of(checkpoint: Checkpoint) -> transfer.Start:
    """The checkpoint as a start for other models; what it does not determine is its preset's."""
    task = _home(checkpoint.model)
    config = config_of(checkpoint, task.presets[checkpoint.model].config)
    labels = _labels(checkpoint, config)
    return transfer.Start(
        str(checkpoint.path), task.model, config.model, checkpoint.tensors, labels, config
    )


def configured(
    model_class: type[TaskModel], config: TaskConfig, start: PerceiverConfig, **overrides: Any
) -> TaskConfig:
    """The configuration with overrides, and with what keeps the meaning of weights of a model with `start`."""
    changes = assignments(overrides)
    changed = override(config, *changes)
    kept = model_class.kept(changed.model, start)
    return override(config, *assignments(kept), *changes) if kept else changed


def _home(model: str) -> Task:
    """The task of a released model: the one that has it among its presets."""
    (task,) = registry.having(model)
    return task


def _with_weights(
    model_class: type[TaskModel], config: TaskConfig, checkpoint: Checkpoint
) -> TaskModel:
    with without_values():
        model = model_class(config.model).build_all()
    model.task_config, model.labels = config, _labels(checkpoint, config)
    assign(model, _fit_positions(checkpoint, model))
    return model


def _labels(checkpoint: Checkpoint, config: TaskConfig) -> list[str] | None:
    """The file's or the release's names of classes, if the model has as many."""
    labels = checkpoint.settings.get("labels") or _released_labels(checkpoint.model)
    classes = getattr(config.model, "num_classes", None)
    return labels if labels and len(labels) == classes else None


def _released_labels(model: str) -> list[str] | None:
    """ImageNet's class names, which the pickles lack and TFDS ships in the same order; None for other models."""
    if not model.startswith("imagenet"):
        return None
    return class_names()


def _fit_positions(checkpoint: Checkpoint, model: TaskModel) -> Checkpoint:
    """Learned positions of a square picture, interpolated (bicubic) to the model's size if it differs."""
    name = "preprocess/position/embeddings"
    places = checkpoint.sizes.get("places")
    if places is None or places == math.prod(model.config.image_size):
        return checkpoint
    side = math.isqrt(places)
    if side * side != places:
        raise UsageError(
            f"{checkpoint.path}: {places} learned positions are not a square grid to resize."
        )
    grid = model.config.image_size
    positions = transfer.resize_grid(checkpoint.tensors[name], (side, side), grid)
    return dataclasses.replace(checkpoint, tensors=checkpoint.tensors | {name: positions})


def config_of(checkpoint: Checkpoint, preset: TaskConfig, **overrides: Any) -> TaskConfig:
    """The preset's configuration, with the file's sizes and then the overrides on top."""
    changes = assignments(overrides)
    values = sizes.model_values(checkpoint, override(preset, *changes).model)
    return override(merge(preset, {"model": values}), *changes)


def assignments(overrides: Mapping[str, Any]) -> list[str]:
    """Keyword arguments as overrides of the model: {"encode__num_latents": 8} -> ["model.encode.num_latents=8"]."""
    return [
        f"model.{key.replace('__', '.')}={json.dumps(value)}" for key, value in overrides.items()
    ]


def save_deepmind(model: TaskModel, path: str | os.PathLike[str]) -> None:
    """Writes a pickle of the Haiku tree that the official code takes.

    The official code only has the tanh form of GELU: a model with the exact form, loaded from the port's weights,
    computes slightly different numbers there.
    """
    write_deepmind(from_model(model), path)


def save_huggingface(model: TaskModel, path: str | os.PathLike[str]) -> None:
    """Writes a folder that the port's `from_pretrained` takes, or `path` alone if it ends in .safetensors."""
    checkpoint = from_model(model)
    write_huggingface(checkpoint, path, sizes.port_config(checkpoint, model.config, model.labels))
