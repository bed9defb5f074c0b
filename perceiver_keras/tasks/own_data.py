"""From `--data PATH` to settings: what lies there decides what it can, and the user's own settings win."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from perceiver_keras.config import TaskConfig
from perceiver_keras.data.own import catalogue, files
from perceiver_keras.data.own.catalogue import Catalogued
from perceiver_keras.data.own.found import Found, Place
from perceiver_keras.data.own.prepare import prepare
from perceiver_keras.data.own.splits import SPLITS
from perceiver_keras.data.store import source
from perceiver_keras.errors import UsageError
from perceiver_keras.remote import is_remote
from perceiver_keras.tasks.task import Task

# Of the files of a user's folder; data sets of TFDS have been checked by their makers.
MAX_CORRUPT_SHARE = 0.1
# Settings that name columns of a table.
COLUMNS = ("text", "text2", "label")


def look(
    task: Task,
    config: TaskConfig,
    data: str | os.PathLike,
    model: Any = None,
    overrides: Sequence[str] = (),
) -> Found | Catalogued:
    """What lies at a path, or the TFDS data set of that name, as the task sees it. Nothing is prepared.

    Args:
      task: Which examples it takes.
      config: Says where data sets are kept (`data.data_dir`), and which columns a table has.
      data: A folder, an archive, a table or another file; or a TFDS name if there is no such file.
      model: The trained model that is to be judged on the data; it has the classes. None: one is to be trained.
      overrides: What the user set of `config`, as `config_tree.override` takes it; it is read only with a model, whose
        own settings name the columns of the data set that it was trained on.

    Raises:
      UsageError: there is neither; or what is there is not what the task takes.
      PerceiverError: it can't be read.
    """
    own = task.examples.own_data
    if own is None:
        raise UsageError(
            f"{task.name} takes no --data; name a TFDS data set with --set data.dataset=NAME."
        )
    if is_remote(data):
        raise UsageError(
            f"--data {data}: your own files must be on this machine. Copy them here, and name the copy."
        )
    path = Path(os.path.expanduser(data))
    if not path.exists():
        return _in_catalogue(task, config, str(data))
    store = Path(source.local_data_folder(config.data.data_dir, "your own files")) / "own_data"
    if not (path.is_dir() or path.is_file()):
        raise UsageError(f"--data {data}: it is neither a file nor a folder.")
    if path.is_dir() and Path(os.path.realpath(store)).is_relative_to(os.path.realpath(path)):
        raise UsageError(
            f"--data {data}: the folder of prepared data sets, {store.parent}, lies within it and would be read as "
            "data. Name the folder of your files, or another folder with data.data_dir or PERCEIVER_DATA_DIR."
        )
    options = {key: value for key, value in own.options(config).items() if value is not None}
    if model is not None:
        wished = {one.partition("=")[0].strip().replace("-", "_") for one in overrides}
        options = {k: v for k, v in options.items() if k not in COLUMNS or f"data.{k}" in wished}
    place = Place(
        given=path,
        root=files.root_of(path, store / "unpacked"),
        store=store,
        options=options,
        labels=tuple(model.labels) if model is not None and model.labels else None,
        judging=model is not None,
    )
    return own.look(place)


def _in_catalogue(task: Task, config: TaskConfig, name: str) -> Catalogued:
    try:
        return catalogue.look(
            name,
            config.data.data_dir,
            task.examples.label_of(config),
            task.examples.own_data.measure,
            config.data.max_corrupt_share,
        )
    except UsageError as error:
        path = Path(os.path.expanduser(name))
        if path.is_symlink():
            raise UsageError(f"--data {name}: it is a link to nothing.") from None
        if path.is_absolute() or os.sep in name and not name.replace("/", "").isidentifier():
            raise UsageError(f"--data {name}: there is no such file or folder.") from None
        raise UsageError(f"--data {name}: there is no such file or folder, and {error}") from None


def settings(task: Task, config: TaskConfig, found: Found | Catalogued) -> dict[str, Any]:
    """The tree of settings that what was found determines, for `Task.configure`."""
    tree = task.examples.own_data.settings(found, config)
    data = data_settings(found)
    if isinstance(found, Found):
        data["max_corrupt_share"] = max(MAX_CORRUPT_SHARE, config.data.max_corrupt_share)
    return {**tree, "data": {**tree.get("data", {}), **data}}


def data_settings(found: Found | Catalogued) -> dict[str, Any]:
    """The settings that name the data set and its splits."""
    splits = getattr(found, "splits", {split: split for split in SPLITS})
    return {"dataset": found.dataset, **catalogue.split_settings(splits)}


def open(
    path: str | os.PathLike,
    task: str,
    preset: str = "tiny",
    data_dir: str | None = None,
    progress: Callable[[int], None] = lambda count: None,
    **data: Any,
) -> Opened:
    """The user's files as a prepared TFDS data set of a task.

    Args:
      path: See `look`.
      task: Its name.
      preset: Whose settings are fitted to the data.
      data_dir: Where data sets are kept; see `source.data_folder`.
      progress: Called with 1 for each file read.
      **data: Further settings of the data, such as `text="review"` for the column of a table.

    Raises:
      UsageError, PerceiverError: as `look` and `prepare`.
    """
    from perceiver_keras.tasks import registry

    the_task = registry.get(task)
    values = {**data, **({"data_dir": data_dir} if data_dir else {})}
    layers = [("data.open", {"data": values})]
    config = the_task.configure(preset, layers)
    found = look(the_task, config, path)
    config = the_task.configure(preset, [("data.open", settings(the_task, config, found)), *layers])
    return Opened(the_task, config, found, make(config, found, progress))


def make(
    config: TaskConfig,
    found: Found | Catalogued,
    progress: Callable[[int], None] = lambda count: None,
) -> dict[str, str]:
    """Prepares the data set unless it is there; returns {file: reason} of the files that were left out."""
    if isinstance(found, Catalogued):
        return {}
    return prepare(found, config.data.data_dir, config.data.max_corrupt_share, progress)


class Opened:
    """The user's data, ready to train on. `print` it for a table of what was found.

    Attributes:
      config: The task's whole configuration, with all that the data determines.
      found: What lies there.
      left_out: {file: reason} of corrupt files.
      builder: The TFDS builder: `builder.as_dataset("train")`.
    """

    def __init__(self, task: Task, config: TaskConfig, found: Any, left_out: Mapping[str, str]):
        from perceiver_keras.tasks.batches import TaskData

        self.config, self.found, self.left_out = config, found, dict(left_out)
        self._data = TaskData(task, config)
        self.builder = source.open_builder(config.data.dataset, config.data.data_dir)

    @property
    def labels(self) -> list[str] | None:
        """Names of the classes."""
        return self._data.labels

    def train_batches(self) -> Any:
        """A tf.data.Dataset of (inputs, targets), endless, shuffled and augmented."""
        return self._data.train_batches()

    def eval_batches(self, split: str = "test") -> Any:
        """A tf.data.Dataset of (inputs, targets), each example of the split once."""
        return self._data.eval_batches(getattr(self.config.data, f"{split}_split", split))

    def __str__(self) -> str:
        return str(self.found)
