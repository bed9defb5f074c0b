"""Eight models as one, each for a task of its own: the paper's rows of GLUE that are not multi-task."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import TYPE_CHECKING, Any

from perceiver_keras.data.text.glue import EIGHT
from perceiver_keras.errors import PerceiverError, UsageError
from perceiver_keras.tasks import preset_folder, registry, run_folder

if TYPE_CHECKING:
    from perceiver_keras.tasks.task import Task


class OnePerTask:
    """The models in a folder; one at a time is in memory.

    Args:
      folders: Task -> its preset folder.
    """

    def __init__(self, folders: dict[str, Path]):
        self._folders = folders
        self._task, self._model = "", None
        self._parameters = int(self.of(next(iter(folders)))[0].count_params())

    def of(self, task: str) -> tuple[Any, Any]:
        """(model, configuration) of a task.

        Raises:
          UsageError: the model in its folder was not trained on it.
          PerceiverError: the folder is damaged.
        """
        from perceiver_keras.tasks.model import load

        if task != self._task:
            self._model = None  # before the next one, so that both are never in memory
            self._model, self._task = load(self._folders[task]), task
            if task not in self._model.task_config.model.tasks:
                raise UsageError(f"{self._folders[task]} was not trained on {task}.")
        return self._model, self._model.task_config

    def count_params(self) -> int:
        """Of the first model; the others differ by their heads."""
        return self._parameters


def load(weights: str) -> tuple[Task, OnePerTask, Any]:
    """(task, models, configuration) of a folder with one preset or run folder per task.

    Raises:
      PerceiverError: folders are missing or damaged; the message names them.
    """
    root = Path(weights)
    missing = [task for task in EIGHT if not (root / task).is_dir()]
    if missing:
        raise PerceiverError(
            f"{weights} lacks {', '.join(missing)}; expected a preset folder for each of {', '.join(EIGHT)}."
        )
    folders = {task: run_folder.preset_in(root / task) for task in EIGHT}
    for folder in folders.values():
        about = preset_folder.read(folder)[1]
        if about["task"] != "glue":
            raise UsageError(f"{folder} holds a model for {about['task']}, not for glue.")
    config = preset_folder.read(folders[EIGHT[0]])[0]
    config = dataclasses.replace(config, model=dataclasses.replace(config.model, tasks=EIGHT))
    return registry.get("glue"), OnePerTask(folders), config
