"""The user's own data: how a task looks at files, and what they determine of its settings."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from perceiver_keras.config import TaskConfig
from perceiver_keras.data.own.found import Found, Place


@dataclass(frozen=True, kw_only=True)
class OwnData:
    """What `--data PATH` means for a task.

    Attributes:
      look: (place) -> what lies there; raises `UsageError` if it is not what the task takes.
      settings: (what was found, the configuration without it) -> a partial tree of settings that fit: the number of
        classes, sizes, thresholds. Settings of the data set itself (name, splits) are added to it.
      options: config -> what says how to read the files, such as the columns of a table; `Place.options`.
      measure: (serialized examples of a prepared TFDS data set) -> what `settings` reads as `found.measured`.
    """

    look: Callable[[Place], Found]
    settings: Callable[[Found, TaskConfig], dict[str, Any]]
    options: Callable[[TaskConfig], dict[str, Any]] = lambda config: {}
    measure: Callable[[list[dict[str, Any]]], dict[str, Any]] | None = None
