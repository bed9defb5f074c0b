"""The table of tasks. A new task is its file beside this one and its row here; nothing else names it."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, NamedTuple

from perceiver_keras.errors import UsageError, nearest

if TYPE_CHECKING:
    from perceiver_keras.tasks.task import Task


class Row(NamedTuple):
    """One task: its name, the class that users call, and what it does. Reading rows imports nothing."""

    name: str  # also the module's name in perceiver_keras.tasks
    model_class: str
    summary: str


ROWS = (Row("image_classification", "ImageClassifier", "Pictures to classes: digits, ImageNet."),)


def names() -> list[str]:
    return [row.name for row in ROWS]


def get(name: str) -> Task:
    """The task of that name; `optical-flow` and `optical_flow` are the same.

    Raises:
      UsageError: no task has this name; the message offers the nearest.
    """
    key = name.replace("-", "_")
    if key not in names():
        raise UsageError(f"Unknown task {name!r}.{nearest(key, names())}")
    return importlib.import_module(f"perceiver_keras.tasks.{key}").TASK
