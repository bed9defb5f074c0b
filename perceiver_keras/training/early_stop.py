"""Stopping when evaluations no longer improve, and going back to the best weights.

Whether to stop is computed from the history, which is in the checkpoint: a run that is killed and resumed stops at the
same step.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import tensorflow as tf

from perceiver_keras.config import TrainConfig


def is_better(value: float, best: Mapping[str, Any] | None, metric: str, lower: bool) -> bool:
    """Whether `value` improves on the best one so far of the same metric; nothing is worse than NaN.

    Args:
      value: Of the metric.
      best: {"step", "metric", "value"}, or None.
      metric: Its name.
      lower: Whether smaller values are better.
    """
    if math.isnan(value):
        return False
    if not best or best["metric"] != metric or math.isnan(best["value"]):
        return True
    return value < best["value"] if lower else value > best["value"]


def evaluations_since_best(
    history: Sequence[Mapping[str, float]], best: Mapping[str, Any] | None
) -> int:
    """How many evaluations the history has after the best one; all of them if none was a number."""
    since = best["step"] if best else -1
    return sum(row["step"] > since for row in history if "val_loss" in row)


def is_over(train: TrainConfig, told: Mapping[str, Any]) -> bool:
    """Whether `train.early_stop` evaluations in a row brought nothing better."""
    if train.early_stop is None:
        return False
    return evaluations_since_best(told["history"], told["best"]) >= train.early_stop


class BestWeights:
    """A copy of the weights of the best evaluation; a part of the checkpoint. Empty unless `train.restore_best`."""

    def __init__(self, weights: Sequence[tf.Variable], wanted: bool):
        self._weights = [w for w in weights if wanted and w.dtype.is_floating]
        self.copies = [
            tf.Variable(
                weight,
                trainable=False,
                name=f"best_{i}",
                synchronization=tf.VariableSynchronization.ON_READ,
                aggregation=tf.VariableAggregation.ONLY_FIRST_REPLICA,
            )
            for i, weight in enumerate(self._weights)
        ]

    @property
    def saved(self) -> dict[str, tf.train.Checkpoint]:
        """What a checkpoint must hold, by name."""
        return {"best": tf.train.Checkpoint(copies=self.copies)} if self.copies else {}

    @tf.function
    def take(self) -> None:
        """Copies the present weights."""
        for copy, weight in zip(self.copies, self._weights, strict=True):
            copy.assign(tf.identity(weight))

    @tf.function
    def put(self) -> None:
        """Sets the weights to the copy."""
        for copy, weight in zip(self.copies, self._weights, strict=True):
            weight.assign(tf.identity(copy))
