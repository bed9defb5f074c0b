"""For classes the cross-entropy and the accuracy; for numbers the squared error and how well they correlate."""

from __future__ import annotations

from typing import Any

import numpy as np
import tensorflow as tf
from tensorflow import keras

from perceiver_keras.autograph import unconverted
from perceiver_keras.data.described.buckets import by_class
from perceiver_keras.loss import SparseCrossEntropy
from perceiver_keras.metrics.agreement import Agreement, Statistic
from perceiver_keras.metrics.calibration import CalibrationError
from perceiver_keras.metrics.columns import ColumnRatio, of_outputs
from perceiver_keras.metrics.results import results_of
from perceiver_keras.tasks.contract.measures import Measures
from perceiver_keras.tasks.text_classification.columns import stored
from perceiver_keras.tasks.text_classification.presets import TextClassificationConfig

MANY = 10  # classes; with more, the five likeliest count as well


@keras.saving.register_keras_serializable(package="perceiver_keras")
class ScaledSquaredError(keras.losses.Loss):
    """((number - label) / scale) squared.

    Args:
      scale: The unit of the error, such as the labels' standard deviation.

    Call: labels [B] or [B, 1], numbers [B, 1] -> [B] float32 before the reduction.
    """

    def __init__(self, scale: float = 1.0, name: str = "scaled_squared_error", **kwargs: Any):
        super().__init__(name=name, **kwargs)
        self.scale = scale

    @unconverted
    def call(self, y_true: tf.Tensor, y_pred: tf.Tensor) -> tf.Tensor:
        label = tf.reshape(tf.cast(y_true, tf.float32), [-1])
        return tf.square((tf.cast(y_pred, tf.float32)[:, 0] - label) / self.scale)

    def get_config(self) -> dict[str, Any]:
        return super().get_config() | {"scale": self.scale}


def loss(config: TextClassificationConfig) -> keras.losses.Loss:
    if config.model.num_classes == 1:
        return ScaledSquaredError(config.model.number_std)
    return SparseCrossEntropy(label_smoothing=config.train.label_smoothing)


@unconverted
def columns(targets: tf.Tensor, outputs: tf.Tensor) -> tf.Tensor:
    """For classes their probabilities, [B, classes], which Keras's own metrics compare with the label.

    For numbers [B, 6]: 0, the label, the number, the size of the error, its square, 1.
    """
    if outputs.shape[-1] > 1:
        return tf.nn.softmax(outputs)
    label, said = tf.reshape(tf.cast(targets, tf.float32), [-1]), outputs[:, 0]
    error = said - label
    one = tf.ones_like(label)
    return tf.stack([0 * one, label, said, tf.abs(error), tf.square(error), one], axis=1)


def column_metrics(config: TextClassificationConfig) -> list[keras.metrics.Metric]:
    if config.model.num_classes == 1:
        return _of_numbers()
    return [
        *_of_classes(config),
        keras.metrics.SparseCategoricalCrossentropy(name="cross_entropy"),
        CalibrationError(),
    ]


def metrics(config: TextClassificationConfig) -> list[keras.metrics.Metric]:
    if config.model.num_classes == 1:
        return of_outputs(_of_numbers(), columns)
    return _of_classes(config)


def _of_classes(config: TextClassificationConfig) -> list[keras.metrics.Metric]:
    chosen = [keras.metrics.SparseCategoricalAccuracy(name="accuracy")]
    if config.model.num_classes > MANY:
        chosen.append(keras.metrics.SparseTopKCategoricalAccuracy(k=5, name="top_5_accuracy"))
    return chosen


def _of_numbers() -> list[keras.metrics.Metric]:
    return [
        Agreement([Statistic(kind="pearson", no_label=None)], "pearson"),
        ColumnRatio(3, 5, "mean_absolute_error"),
        ColumnRatio(4, 5, "mean_squared_error"),
    ]


def baseline(dataset: tf.data.Dataset, config: TextClassificationConfig) -> dict[str, float]:
    """Metrics of always guessing the commonest class, or the mean of the numbers."""
    labels = np.concatenate([targets.numpy() for _, targets in dataset])
    if config.model.num_classes > 1:
        counts = np.bincount(labels, minlength=config.model.num_classes)
        return {"accuracy": float(counts.max() / max(counts.sum(), 1))}
    guess = tf.fill([len(labels), 1], np.float32(labels.mean()))
    # One number for all does not correlate with anything, whatever rounding makes of it.
    return results_of(_of_numbers(), [columns(tf.constant(labels), guess)]) | {"pearson": 0.0}


def slices(config: TextClassificationConfig) -> tuple[str, ...]:
    text, *_, label = stored(config)
    classes = config.model.num_classes
    return (*(by_class(label, classes) if classes > 1 else ()), f"{text}/words")


MEASURES = Measures(
    loss=loss,
    metrics=metrics,
    columns=columns,
    column_metrics=column_metrics,
    baseline=baseline,
    lower_is_better=(
        "cross_entropy",
        "calibration_error",
        "mean_absolute_error",
        "mean_squared_error",
    ),
    slices=slices,
)
