"""Starting from the weights of a model with some of the same stages: fine-tuning after masked language modelling."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path

import numpy as np
from tensorflow import keras

from perceiver_keras.errors import PerceiverError, UsageError
from perceiver_keras.layers.linear import weights_by_path
from perceiver_keras.tasks import preset_folder
from perceiver_keras.tasks.model import TaskModel, load
from perceiver_keras.tasks.official import load_official
from perceiver_keras.training.local_start import start_local

SHARED = ("preprocess", "encode", "process")  # every array must fit
OPTIONAL = (
    "decode",
)  # copied if every array fits: its sizes depend on the task's queries and outputs
SOURCES = ("deepmind", "huggingface")
LOCAL = "local"  # no weights of another model: see local_start.py
_MOST_LISTED = 8


def start_from(model: TaskModel, init: str) -> str:
    """Copies the stages that `model` shares with the model that `init` names; returns a sentence that lists them.

    Args:
      model: Built. What the other model lacks (tokens of tasks, queries, heads) stays as it is.
      init: `train.init`: a preset folder of ours, an official file or folder, SOURCE/PRESET where SOURCE is "deepmind"
        or "huggingface" (downloaded once), or "local" for `local_start.start_local`.

    Raises:
      UsageError: the models have different activations.
      PerceiverError: there is nothing at `init`, or the stages do not fit; the message lists the differences.
    """
    if init == LOCAL and not os.path.exists(init):
        return start_local(model)
    source = read(init)
    theirs, ours = weights_by_path(source), weights_by_path(model)
    wanted = [path for path in theirs if path.split("/")[0] in SHARED]
    wrong = [
        f"{path}: {list(theirs[path].shape)} there, {list(ours[path].shape) if path in ours else 'missing'} here"
        for path in wanted
        if path not in ours or ours[path].shape != theirs[path].shape
    ]
    if not wanted or wrong:
        more = f" and {len(wrong) - _MOST_LISTED} more" if len(wrong) > _MOST_LISTED else ""
        raise PerceiverError(
            f"train.init: the stages of {init} don't fit the model: "
            f"{'; '.join(wrong[:_MOST_LISTED]) or 'it has none of them'}{more}. "
            "Give both the same vocabulary, length, channels, encode and process."
        )
    activation = getattr(source.config, "activation", None)
    if activation != model.config.activation:
        raise UsageError(
            f"train.init: {init} was trained with {activation}, the model has {model.config.activation}; "
            f"add --set model.activation={activation}."
        )
    copied = list(SHARED)
    for stage in OPTIONAL:
        paths = [path for path in ours if path.split("/")[0] == stage]
        if all(path in theirs and theirs[path].shape == ours[path].shape for path in paths):
            wanted += paths
            copied.append(stage)
    for path in wanted:
        ours[path].assign(np.asarray(theirs[path], ours[path].dtype.as_numpy_dtype))
    return f"Starting from {init}: {', '.join(copied)}, {len(wanted)} arrays."


def read(init: str) -> keras.Model:
    """The model that `train.init` names."""
    origin, _, preset = init.partition("/")
    if origin in SOURCES and preset and not os.path.exists(init):
        return load(preset, weights=origin)
    path = Path(init).expanduser()
    if not path.exists():
        raise PerceiverError(
            f"train.init: there is nothing at {init}; name a preset folder, an official file or folder, "
            f"{', '.join(f'{source}/PRESET' for source in SOURCES)} or {LOCAL}."
        )
    if preset_folder.is_preset_folder(path):
        return load(path)
    return load_official(path)


def fingerprint(init: str | None) -> str | None:
    """The first 16 hex digits of the SHA-256 of the files that `train.init` names; None if it names nothing.

    Other weights under the same name make another run. SOURCE/PRESET is its own fingerprint: released weights do not
    change.
    """
    if init is None:
        return None
    path = Path(init).expanduser()
    if not path.exists():
        return init
    result = hashlib.sha256()
    for file in sorted(path.rglob("*")) if path.is_dir() else [path]:
        if file.is_file():
            with open(file, "rb") as content:
                while block := content.read(1 << 23):
                    result.update(block)
    return result.hexdigest()[:16]
