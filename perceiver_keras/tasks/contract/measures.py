"""How good a model is: the loss that trains it, and the metrics by which people and the gate judge it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import tensorflow as tf
from tensorflow import keras

from perceiver_keras.config import TaskConfig


@dataclass(frozen=True, kw_only=True)
class Measures:
    """The loss, and the metrics in two forms that give the same values.

    Dense outputs (flow, video) are too large for TensorFlow Model Analysis to move, so the graph reduces each example
    to a row of *columns*, and `column_metrics` add the rows up.

    Attributes:
      loss: config -> Keras loss of (targets, outputs).
      metrics: config -> new Keras metrics of (targets, outputs).
      columns: (targets, outputs) -> one row per example, float32 [B, K]; what the `evaluate` signature returns.
      column_metrics: config -> new Keras metrics of (the stored feature `label_key`, columns): those of `metrics`, by
        the same names, and perhaps more.
      key: What the columns are called in the `evaluate` signature.
      baseline: (finite dataset of (inputs, targets), config) -> metrics of the trivial guess.
      lower_is_better: Names of the metrics of which smaller values are better.
      slices: config -> the parts of the test split that are judged by themselves unless `evaluate.slices` names others,
        as it does: "label", "text/words:10,100".
    """

    loss: Callable[[TaskConfig], keras.losses.Loss]
    metrics: Callable[[TaskConfig], list[keras.metrics.Metric]]
    columns: Callable[[Any, Any], tf.Tensor]
    column_metrics: Callable[[TaskConfig], list[keras.metrics.Metric]]
    key: str = "columns"
    baseline: Callable[[tf.data.Dataset, TaskConfig], dict[str, float]]
    lower_is_better: tuple[str, ...] = ()
    slices: Callable[[TaskConfig], tuple[str, ...]] = lambda config: ()
