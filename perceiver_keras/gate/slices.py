"""The parts of the test split that are judged by themselves."""

from __future__ import annotations

from collections.abc import Sequence

from perceiver_keras.config import TaskConfig
from perceiver_keras.data.described.buckets import parse_slices
from perceiver_keras.gate import thresholds
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
    return thresholds.with_slices(chosen, config.evaluate.thresholds, kinds)


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
    """Raises `UsageError` if a threshold is for a metric or a slice that there is not.

    Args:
      task: Its metrics and stored features.
      config: Of the run.
      labels: Names of the classes; None if they are not known.
    """
    thresholds.check(
        config.evaluate.thresholds,
        [metric.name for metric in task.measures.column_metrics(config)],
        slices_of(task, config),
        task.examples.kinds(config),
        labels,
    )
