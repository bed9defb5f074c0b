"""The loss for classes and scores, and GLUE's own metrics for each task."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import tensorflow as tf
from tensorflow import keras

from perceiver_keras.autograph import unconverted
from perceiver_keras.data.text.glue import TASKS, GlueTask, task_named
from perceiver_keras.metrics import calibration
from perceiver_keras.metrics.agreement import GROUP, LABEL, PLACE, PREDICTION, Agreement, Statistic
from perceiver_keras.metrics.columns import of_outputs
from perceiver_keras.metrics.results import results_of
from perceiver_keras.tasks.contract.measures import Measures
from perceiver_keras.tasks.glue.model import HALF, IS_SCORE, NAMES, outputs_of
from perceiver_keras.tasks.glue.presets import GlueTaskConfig


@keras.saving.register_keras_serializable(package="perceiver_keras")
class GlueLoss(keras.losses.Loss):
    """For classes the cross-entropy in nats; for a score the squared error, in units of half its range.

    Args:
      task_weights: Task's name -> factor of its loss; 1 for tasks that are not named.
      label_smoothing: For classes only.

    Call: targets [B, 3], outputs [B, 1 + K] -> [B] float32, 0 where there is no label.
    """

    def __init__(
        self,
        task_weights: Mapping[str, float] | None = None,
        label_smoothing: float = 0.0,
        name: str = "glue_loss",
        **kwargs: Any,
    ):
        super().__init__(name=name, **kwargs)
        self.task_weights, self.label_smoothing = dict(task_weights or {}), label_smoothing

    @unconverted
    def call(self, y_true: tf.Tensor, y_pred: tf.Tensor) -> tf.Tensor:
        task, label, outputs = tf.cast(y_true[:, 0], tf.int32), y_true[:, 1], y_pred[:, 1:]
        valid = outputs_of(task, outputs.shape[-1])
        logs = tf.nn.log_softmax(tf.where(valid, outputs, -1e9))
        right = tf.one_hot(tf.cast(label, tf.int32), outputs.shape[-1])
        evenly = tf.cast(valid, tf.float32) / tf.reduce_sum(
            tf.cast(valid, tf.float32), 1, keepdims=True
        )
        wanted = (1 - self.label_smoothing) * right + self.label_smoothing * evenly
        surprise = -tf.reduce_sum(tf.where(valid, wanted * logs, 0.0), axis=1)
        error = tf.square((outputs[:, 0] - label) / tf.gather(HALF, task))
        weights = tf.constant([self.task_weights.get(name, 1.0) for name in NAMES])
        loss = tf.where(tf.gather(IS_SCORE, task), error, surprise) * tf.gather(weights, task)
        return tf.where(label > -1, loss, 0.0)

    def get_config(self) -> dict[str, Any]:
        return super().get_config() | {
            "task_weights": self.task_weights,
            "label_smoothing": self.label_smoothing,
        }


def loss(config: GlueTaskConfig) -> keras.losses.Loss:
    return GlueLoss(config.data.task_weights, config.train.label_smoothing)


@unconverted
def columns(targets: tf.Tensor, outputs: tf.Tensor) -> tf.Tensor:
    """[B, 49]: the row of `_answers`, and how sure the model was, where the answer is a class."""
    task = tf.cast(targets[:, 0], tf.int32)
    logits = tf.where(outputs_of(task, outputs.shape[-1] - 1), outputs[:, 1:], -float("inf"))
    counts = (targets[:, 1] > -1) & ~tf.gather(IS_SCORE, task)
    sure = calibration.of_logits(logits, targets[:, 1], counts)
    return tf.concat([_answers(targets, outputs), sure], axis=1)


def _answers(targets: tf.Tensor, outputs: tf.Tensor) -> tf.Tensor:
    """[B, 4]: the task's number, the label, the prediction (a class or a score), the place in the data set."""
    task, own = tf.cast(targets[:, 0], tf.int32), tf.cast(outputs[:, 1:], tf.float32)
    best = tf.argmax(tf.where(outputs_of(task, own.shape[-1]), own, -float("inf")), axis=1)
    said = tf.where(tf.gather(IS_SCORE, task), own[:, 0], tf.cast(best, tf.float32))
    targets = tf.cast(targets, tf.float32)
    return tf.stack([targets[:, 0], targets[:, 1], said, targets[:, 2]], axis=1)


def column_metrics(config: GlueTaskConfig) -> list[keras.metrics.Metric]:
    """GLUE's own, and the calibration of all classes."""
    return [*_official(config), calibration.ColumnCalibrationError(PLACE + 1)]


def _official(config: GlueTaskConfig) -> list[Agreement]:
    """The official metrics of each task, and `glue_average`, the mean of their first ones (paper, Tab. 14)."""
    rows = judged(config)
    found = [
        Agreement([Statistic(kind=kind, group=row.number)], f"{row.name}_{kind}")
        for row in rows
        for kind in row.metrics
    ]
    counted = [row for row in rows if row.in_average] or rows
    mean = [
        # MNLI's two sets count as one.
        Statistic(
            kind=row.metrics[0],
            group=row.number,
            weight=1
            / sum((other.head or other.name) == (row.head or row.name) for other in counted),
        )
        for row in counted
    ]
    return [Agreement(mean, "glue_average"), *found]


def metrics(config: GlueTaskConfig) -> list[keras.metrics.Metric]:
    return of_outputs(_official(config), _answers)


def judged(config: GlueTaskConfig) -> list[GlueTask]:
    """The tasks with metrics: the model's, and MNLI's second set if the data has it."""
    rows = [row for row in TASKS if row.name in config.model.tasks]
    if "mnli" in config.model.tasks and config.data.mismatched:
        rows.append(task_named("mnli_mismatched"))
    return rows


def baseline(dataset: tf.data.Dataset, config: GlueTaskConfig) -> dict[str, float]:
    """Metrics of always guessing each task's commonest class, or its mean score."""
    targets = np.concatenate([targets.numpy() for _, targets in dataset])
    rows = np.insert(targets, PREDICTION, 0.0, axis=1)
    for row in TASKS:
        own = rows[:, GROUP] == row.number
        labels = rows[own & (rows[:, LABEL] > -1), LABEL]
        if len(labels):
            common = np.bincount(labels.astype(int)).argmax() if row.labels else labels.mean()
            rows[own, PREDICTION] = common
    return results_of(_official(config), [tf.constant(rows)])


def slices(config: GlueTaskConfig) -> tuple[str, ...]:
    return ("sentence1/words",)


MEASURES = Measures(
    loss=loss,
    metrics=metrics,
    columns=columns,
    column_metrics=column_metrics,
    baseline=baseline,
    lower_is_better=("calibration_error",),
    slices=slices,
)
