"""Where the value of each setting comes from: the preset, `--data`, `--init`, a file, `--set` or `--seed`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

from perceiver_keras.commands.shared.describe import settings_of
from perceiver_keras.config_tree import merge, override

if TYPE_CHECKING:
    from perceiver_keras.config import TaskConfig
    from perceiver_keras.tasks.task import Task


class Origin(NamedTuple):
    """A setting with its value, the preset's (None if the preset lacks it), and what set it last."""

    key: str
    value: Any
    preset: Any
    source: str


def origins(
    task: Task,
    preset: str,
    layers: Sequence[tuple[str, Mapping[str, Any]]],
    overrides: Sequence[str],
    seed: int | None,
    config: TaskConfig,
) -> list[Origin]:
    """All settings of `config` in their order.

    A layer that sets what was already so does not become the source. What no layer explains is what the data set
    determines, which `Task.configure` asks the task for.

    Args:
      task, preset, layers, overrides, seed: As `Task.configure` takes them.
      config: What it returned.
    """
    source_of: dict[str, str] = {}
    built = task.preset(preset).config
    first = values = _values(built)
    for name, tree in layers:
        built = merge(built, tree)
        values = _note(source_of, name, values, _values(built))
    given = [("--set", assignment) for assignment in overrides]
    given += [] if seed is None else [("--seed", f"train.seed={seed}")]
    for name, assignment in given:
        built = override(built, assignment)
        values = _note(source_of, name, values, _values(built))
    values = _note(source_of, f"data set {config.data.dataset}", values, _values(config))
    return [
        Origin(key, value, first.get(key), source_of.get(key, f"preset {preset}"))
        for key, value in values.items()
    ]


def _values(config: Any) -> dict[str, Any]:
    return {setting.key: value for setting, value in settings_of(config)}


def _note(
    source_of: dict[str, str], name: str, before: dict[str, Any], after: dict[str, Any]
) -> dict[str, Any]:
    missing = object()
    for key, value in after.items():
        if before.get(key, missing) != value:
            source_of[key] = name
    return after
