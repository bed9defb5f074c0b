"""Starting from the weights of another model: of the same task, or of one with some of the same stages."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Sequence
from typing import Any

from perceiver_keras.config import TaskConfig
from perceiver_keras.convert.hub import preset_of
from perceiver_keras.convert.names import RELEASED
from perceiver_keras.errors import PerceiverError, UsageError
from perceiver_keras.remote import as_path, local_copy
from perceiver_keras.remote import check as check_place
from perceiver_keras.tasks import official, preset_folder, run_folder, transfer
from perceiver_keras.tasks.model import TaskModel, load
from perceiver_keras.tasks.task import Task
from perceiver_keras.training.local_start import start_local

SOURCES = ("deepmind", "huggingface")
LOCAL = "local"  # no weights of another model: see local_start.py


def start_from(
    model: TaskModel,
    init: str,
    labels: Sequence[str] | None = None,
    start: transfer.Start | None = None,
) -> str:
    """Gives `model` the weights that `init` names; returns a sentence that says what was taken and what is new.

    Args:
      model: Built. Only its head may differ from the other model, and between two tasks also queries and outputs:
        these stay as they are. See `transfer.plan`.
      init: `train.init`: a preset folder of ours, an official file or folder, SOURCE/PRESET where SOURCE is "deepmind"
        or "huggingface" (downloaded once), or "local" for `local_start.start_local`.
      labels: Names of the classes of `model`; the head of a model for other classes is not taken.
      start: What `read(init)` returned, if that was called before.

    Raises:
      UsageError: the models have different activations.
      PerceiverError: there is nothing at `init`, or something else does not fit; the message lists the differences.
    """
    if _is_local(init):
        return start_local(model)
    start = start or read(init)
    try:
        plan = transfer.plan(start, model, labels)
    except PerceiverError as error:
        raise PerceiverError(f"train.init: {error}") from None
    activation = getattr(start.config, "activation", None)
    if activation != model.config.activation:
        raise UsageError(
            f"train.init: {init} was trained with {activation}, the model has {model.config.activation}; "
            f"add --set model.activation={activation}."
        )
    transfer.carry_out(plan, model)
    return str(plan)


def check(task: Task, config: TaskConfig, start: transfer.Start | None = None) -> None:
    """Raises as `start_from` would, before any data is read; does nothing without `train.init`."""
    if config.train.init:
        start_from(task.build(config).build_all(), config.train.init, start=start)


def named(init: str, task: Task, preset: str) -> str:
    """`--init` as `train.init` has it: "deepmind" alone means its weights for the preset, a run folder its model.

    A repository of the hub, such as "deepmind/language-perceiver", is huggingface/PRESET.

    Raises:
      UsageError: no weights are released for the preset.
      PerceiverError: the run folder holds no model.
    """
    if repository := preset_of(init):
        return f"huggingface/{repository}"
    if init in SOURCES and not os.path.exists(init):
        # A preset that starts from released weights itself means these.
        origin, _, other = (task.preset(preset).config.train.init or "").partition("/")
        released = preset if preset in RELEASED else other if origin in SOURCES else None
        if released is None:
            raise UsageError(
                f"--init {init}: no weights are released for {task.name}/{preset}; write {init}/NAME "
                f"with one of {', '.join(RELEASED)}."
            )
        return f"{init}/{released}"
    check_place(init)
    path = as_path(init).expanduser()
    return str(run_folder.preset_in(path)) if path.is_dir() else init


def read(init: str) -> transfer.Start | None:
    """The weights that `train.init` names; None for "local"."""
    if _is_local(init):
        return None
    if repository := preset_of(init):
        init = f"huggingface/{repository}"
    origin, _, preset = init.partition("/")
    if origin in SOURCES and preset and not os.path.exists(init):
        return official.start_of(official.read_weights(origin, preset))
    check_place(init)
    path = as_path(init).expanduser()
    if not path.exists():
        raise PerceiverError(
            f"train.init: there is nothing at {init}; name a preset folder, a run folder, an official file or "
            f"folder, {', '.join(f'{source}/PRESET' for source in SOURCES)} or {LOCAL}."
        )
    if path.is_dir():
        path = run_folder.preset_in(path)
        if not official.is_official(path):
            about: dict[str, Any] = preset_folder.read(path)[1]
            return transfer.Start.of(load(path), init, about["preset"])
    elif not official.is_official(path):
        raise PerceiverError(
            f"train.init: {init} is no official file; of a model of ours, name the preset folder."
        )
    return official.start_of(official.read_official(path))


def _is_local(init: str) -> bool:
    return init == LOCAL and not os.path.exists(init)


def fingerprint(init: str | None) -> str | None:
    """The first 16 hex digits of the SHA-256 of the files that `train.init` names; None if it names nothing.

    Other weights under the same name make another run. SOURCE/PRESET is its own fingerprint: released weights do not
    change.
    """
    if init is None:
        return None
    path = as_path(init).expanduser()
    if not path.exists():
        return init
    if path.is_dir():
        path = run_folder.preset_in(path, say=lambda told: None)
    path = local_copy(path)
    result = hashlib.sha256()
    for file in sorted(path.rglob("*")) if path.is_dir() else [path]:
        if file.is_file():
            with open(file, "rb") as content:
                while block := content.read(1 << 23):
                    result.update(block)
    return result.hexdigest()[:16]
