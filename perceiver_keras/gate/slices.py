"""The parts of the test split that are judged by themselves."""

from __future__ import annotations

from collections.abc import Sequence

from perceiver_keras.config import TaskConfig
from perceiver_keras.data.described.buckets import parse_slices
from perceiver_keras.data.described.entities import MOST_COLUMNS, column_keys
from perceiver_keras.data.described.measures import COLUMN
from perceiver_keras.errors import UsageError, nearest
from perceiver_keras.gate import thresholds
from perceiver_keras.metrics.ranges import range_of
from perceiver_keras.tasks.task import Task


def slices_of(task: Task, config: TaskConfig) -> tuple[str, ...]:
    """`evaluate.slices`, or else the task's own; and those that a threshold is for.

    Raises:
      UsageError: nothing of that name is measured, or edges are wrong.
    """
    kinds = task.examples.kinds(config)
    chosen = config.evaluate.slices
    if chosen is None:
        chosen = task.measures.slices(config)
    parse_slices(chosen, kinds)
    found = thresholds.with_slices(chosen, config.evaluate.thresholds, kinds)
    _check_columns(task, config, [cut.key for cut in parse_slices(found, kinds)])
    return found


def _check_columns(task: Task, config: TaskConfig, keys: Sequence[str]) -> None:
    """Raises if a column of entities is named that the task does not have."""
    kinds, names = task.examples.kinds(config), task.examples.names(config)
    for key in keys:
        feature, _, column = key.rpartition("/")
        if kinds.get(feature) == "entities" and column.startswith(COLUMN) and feature in names:
            known = column_keys(names[feature], min(len(names[feature]), MOST_COLUMNS))
            if column not in known:
                raise UsageError(
                    f"evaluate.slices: no column {key!r} is measured."
                    f"{nearest(key, [f'{feature}/{one}' for one in known])}"
                )


def unsliced_labels(task: Task, config: TaskConfig) -> list[str]:
    """Labels by which nothing is cut because the task has too many classes for it, and nobody asked."""
    if config.evaluate.slices is not None:
        return []
    found = slices_of(task, config)
    kinds = task.examples.kinds(config)
    return [
        name for name, kind in kinds.items() if kind in ("label", "labels") and name not in found
    ]


def check(task: Task, config: TaskConfig, labels: Sequence[str] | None = None) -> None:
    """Raises `UsageError` if a threshold is for a metric or a slice that there is not, or out of the metric's range.

    Args:
      task: Its metrics and stored features.
      config: Of the run.
      labels: Names of the classes; None if they are not known.
    """
    metrics = task.measures.column_metrics(config)
    thresholds.check(
        config.evaluate.thresholds,
        [metric.name for metric in metrics],
        slices_of(task, config),
        task.examples.kinds(config),
        labels,
        {m.name: range_of(m, m.name in task.measures.lower_is_better) for m in metrics},
        task.examples.names(config),
    )
