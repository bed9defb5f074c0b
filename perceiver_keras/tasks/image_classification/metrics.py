"""Cross-entropy, accuracy and calibration, and the accuracy of always predicting the commonest class."""

from __future__ import annotations

from typing import Any

import numpy as np
import tensorflow as tf
from tensorflow import keras

from perceiver_keras.autograph import unconverted
from perceiver_keras.data.described.buckets import by_class
from perceiver_keras.loss import SharedCrossEntropy, SparseCrossEntropy
from perceiver_keras.metrics.calibration import CalibrationError
from perceiver_keras.tasks.contract.measures import Measures
from perceiver_keras.tasks.image_classification.presets import ImageClassificationConfig


def loss(config: ImageClassificationConfig) -> keras.losses.Loss:
    if config.data.mixing == "none":
        return SparseCrossEntropy(label_smoothing=config.train.label_smoothing)
    return SharedCrossEntropy(label_smoothing=config.train.label_smoothing)


def metrics(config: ImageClassificationConfig) -> list[keras.metrics.Metric]:
    """Take (classes [B], logits or probabilities [B, classes]): both rank the classes alike.

    Where pictures are mixed, also (shares of the classes [B, classes], …): then the class of the larger share counts.
    """
    chosen = _ranked(config)
    if config.data.mixing != "none":
        for metric in chosen:
            _take_shares(metric)
    return chosen


def _ranked(config: ImageClassificationConfig) -> list[keras.metrics.Metric]:
    chosen = [keras.metrics.SparseCategoricalAccuracy(name="accuracy")]
    if config.model.num_classes > 10:
        chosen.append(keras.metrics.SparseTopKCategoricalAccuracy(k=5, name="top_5_accuracy"))
    return chosen


def _take_shares(metric: keras.metrics.Metric) -> None:
    """Makes a metric of classes take shares of classes as well."""
    update = metric.update_state

    def of_largest(targets: tf.Tensor, outputs: tf.Tensor, sample_weight: Any = None) -> None:
        if targets.shape.rank == 2 and targets.dtype.is_floating:
            targets = tf.argmax(targets, axis=-1)
        update(targets, outputs, sample_weight)

    metric.update_state = of_largest


@unconverted
def columns(targets: tf.Tensor, logits: tf.Tensor) -> tf.Tensor:
    """The probabilities of all classes, float32 [B, classes]; Keras's own metrics compare them with the label."""
    return tf.nn.softmax(logits)


def column_metrics(config: ImageClassificationConfig) -> list[keras.metrics.Metric]:
    return [
        *_ranked(config),
        keras.metrics.SparseCategoricalCrossentropy(name="cross_entropy"),
        CalibrationError(),
    ]


def baseline(dataset: tf.data.Dataset, config: ImageClassificationConfig) -> dict[str, float]:
    """The accuracy of always predicting the commonest class."""
    counts = np.zeros(config.model.num_classes, np.int64)
    for _, targets in dataset:
        counts += np.bincount(targets.numpy(), minlength=len(counts))
    return {"accuracy": float(counts.max() / max(counts.sum(), 1))}


def slices(config: ImageClassificationConfig) -> tuple[str, ...]:
    """By class, and by size where pictures are photographs, which have different ones."""
    sizes = ("image/side",) if config.data.augment in ("inception", "randaugment") else ()
    return (*by_class("label", config.model.num_classes), *sizes)


MEASURES = Measures(
    loss=loss,
    metrics=metrics,
    columns=columns,
    column_metrics=column_metrics,
    key="probabilities",
    baseline=baseline,
    lower_is_better=("cross_entropy", "calibration_error"),
    slices=slices,
)
