"""A preset folder: a trained model with everything needed to build it again.

`config.json` (the whole TaskConfig), `task.json` (task, preset, labels, and the SHA-256 of what holds no text),
`model.weights.h5`, `README.md` (a model card), and the vocabulary's file if the task has one.
"""

from __future__ import annotations

import os
from concurrent import futures
from pathlib import Path
from typing import TYPE_CHECKING, Any

from perceiver_keras.config import TaskConfig
from perceiver_keras.config_tree import from_dict, override, to_json
from perceiver_keras.errors import PerceiverError, UsageError
from perceiver_keras.files import read_json, whole_folder, write_json, write_whole
from perceiver_keras.layers.weights_only import without_values
from perceiver_keras.remote import as_path, local_copy
from perceiver_keras.tasks import official, registry, transfer, weights_file

if TYPE_CHECKING:
    from perceiver_keras.tasks.model import TaskModel

CONFIG, TASK, WEIGHTS = FILES = ("config.json", "task.json", "model.weights.h5")
DIGESTS = "sha256"
REMEDY = "take another copy of the folder"


def write(
    folder: Path, model: TaskModel, config: TaskConfig, preset: str, labels: list[str] | None
) -> None:
    """Writes the files next to `folder`, then renames: a reader sees the folder whole or not at all.

    Args:
      folder: Replaced if it exists.
      model: Whose weights are saved.
      config: The whole configuration.
      preset: The name by which people know the configuration.
      labels: Names of the classes, or None.
    """
    with whole_folder(folder, last=TASK) as aside:
        model.build_all().save_weights(str(aside / WEIGHTS))
        portable, files = registry.get(model.task_name).examples.vocabulary.portable(config)
        for name, content in files.items():
            write_whole(aside / name, content)
        write_whole(aside / CONFIG, to_json(portable))
        digests = {name: weights_file.digest(aside / name) for name in (WEIGHTS, *files)}
        about = {"task": model.task_name, "preset": preset, "labels": labels, DIGESTS: digests}
        write_json(aside / TASK, about)
        write_whole(aside / "README.md", _model_card(model, preset, labels))


def is_preset_folder(folder: Path) -> bool:
    """Whether `folder` looks like a preset folder; `read` tells whether it is complete."""
    return (folder / CONFIG).is_file() and (folder / TASK).is_file()


def hides_preset(folder: Path) -> bool:
    """Whether a folder with a preset's name is meant by it: any of its files shows that, even if others are missing."""
    return any((folder / name).is_file() for name in FILES)


def read(folder: Path) -> tuple[TaskConfig, dict[str, Any]]:
    """The configuration, and `task.json`: {"task", "preset", "labels"}.

    Raises:
      PerceiverError: files are missing or damaged; the message names them.
    """
    place, folder = folder, local_copy(folder)
    missing = [name for name in FILES if not (folder / name).is_file()]
    if missing:
        raise PerceiverError(
            f"{place} is not a preset folder: it lacks {', '.join(missing)}. "
            "`model.save_to_preset(folder)` and `perceiver train` write one."
        )
    about = _about(folder)
    task = registry.get(about["task"])
    for name in about[DIGESTS].keys() - {WEIGHTS}:
        _check_digest(folder, name)
    config = from_dict(task.config_class, read_json(folder / CONFIG, REMEDY))
    return task.examples.vocabulary.located(config, folder), about


def _about(folder: Path) -> dict[str, Any]:
    """What `write` left in `task.json`; earlier versions left no digests."""
    about = {DIGESTS: {}} | read_json(folder / TASK, REMEDY, "task", "preset", "labels")
    labels, digests = about["labels"], about[DIGESTS]
    lists = (labels is None or isinstance(labels, list)) and isinstance(digests, dict)
    texts = [about["task"], about["preset"], *(labels or ()), *(digests if lists else ())]
    if not lists or not all(isinstance(text, str) for text in texts):
        raise PerceiverError(
            f"{folder / TASK} is damaged: expected names of a task and a preset, a list of labels or null, and "
            f"digests by file; {REMEDY}."
        )
    return about


def _check_digest(folder: Path, name: str) -> None:
    """Raises `PerceiverError` if a file is not the one that `write` left; no reader of it would notice."""
    path, expected = folder / name, _about(folder)[DIGESTS].get(name)
    if expected is not None and not (path.is_file() and weights_file.digest(path) == expected):
        raise PerceiverError(
            f"{path} is damaged: it is not the file that was written with the model (by its SHA-256); {REMEDY}, or, "
            f"if you put it there yourself, remove its line in {TASK}."
        )


def load_weights(model: TaskModel, weights: str | os.PathLike) -> None:
    """Loads the weights in a preset folder or a `.weights.h5` file into `model`.

    Raises:
      PerceiverError: the file is missing, damaged, or from another architecture.
    """
    path = folder = local_copy(weights)
    if folder.is_dir():
        path = folder / WEIGHTS
    if not path.is_file():
        raise PerceiverError(f"No weights at {path}; name a preset folder or a .weights.h5 file.")
    with futures.ThreadPoolExecutor(1) as beside:  # the digest of large weights takes a second
        described = path is not folder and (folder / TASK).is_file()
        whole = beside.submit(_check_digest, folder, WEIGHTS) if described else None
        try:
            with without_values():
                model.build_all()
            weights_file.check_content(path, model.count_params())
            model.load_weights(str(path))
        except (ValueError, OSError, KeyError) as error:
            if whole:
                whole.result()
            last = str(error).strip().splitlines()[-1]
            raise PerceiverError(f"The weights in {path} don't fit {model.name}: {last}") from error
        if whole:
            whole.result()


def model_from(
    model_class: type[TaskModel],
    config: TaskConfig,
    weights: str | os.PathLike,
    labels: list[str] | None,
    **overrides: Any,
) -> TaskModel:
    """A model of `model_class` with the weights in a preset folder or a `.weights.h5` file.

    Args:
      config: Of the model, without the overrides. It is also what a `.weights.h5` file was saved with, but for
        overrides that do not change a head or the picture's size.
      weights: The folder or file.
      labels: Of the model.
      overrides: Keys of the model's configuration, as `TaskModel.from_preset` takes them.

    Raises:
      UsageError: the folder holds another task's model.
      PerceiverError: the weights do not fit; see `transfer.plan`.
    """
    path, preset = as_path(weights), None
    if path.is_dir():
        there, about = read(path)
        start, their_labels, preset = there.model, about["labels"], about["preset"]
        if about["task"] != model_class.task_name:
            raise UsageError(
                f"{path} holds a model for {about['task']}, not for {model_class.task_name}."
            )
    else:
        newer = (*model_class.head_settings, "image_size")
        kept = {key: value for key, value in overrides.items() if key not in newer}
        there = override(config, *official.assignments(kept))
        start, their_labels = there.model, labels
    config = official.configured(model_class, config, start, **overrides)
    model = model_class(config.model)
    classes = getattr(config.model, "num_classes", None)
    model.labels = labels if labels and classes in (None, len(labels)) else None
    model.task_config = config
    if config.model == start:
        load_weights(model, path)
        return model
    model.build_all()
    source = model_class(start)
    load_weights(source, path)
    source.labels, source.task_config = their_labels, there
    return transfer.into(model, transfer.Start.of(source, str(path), preset))


def _model_card(model: TaskModel, preset: str, labels: list[str] | None) -> str:
    classes = "" if labels is None else f"- Classes: {len(labels)} ({', '.join(labels[:10])})\n"
    return (
        f"# {type(model).__name__}\n\n"
        f"A Perceiver IO (Jaegle et al., 2021) for {model.task_name.replace('_', ' ')}.\n\n"
        f"- Preset: {preset}\n- Parameters: {model.count_params():,}\n{classes}\n"
        "```python\nimport perceiver_keras as pk\n\nmodel = pk.load('THIS FOLDER')\n```\n\n"
        "`config.json` holds the model's sizes, the data set and the training recipe.\n"
    )
