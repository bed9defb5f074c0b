"""Cross-entropy, accuracy and calibration, and the accuracy of always predicting the commonest class."""

from __future__ import annotations

import numpy as np
import tensorflow as tf
from tensorflow import keras

from perceiver_keras.data.described.buckets import by_class
from perceiver_keras.loss import SparseCrossEntropy
from perceiver_keras.metrics.calibration import CalibrationError
from perceiver_keras.tasks.contract.measures import Measures
from perceiver_keras.tasks.image_classification.presets import ImageClassificationConfig


def loss(config: ImageClassificationConfig) -> keras.losses.Loss:
    return SparseCrossEntropy(label_smoothing=config.train.label_smoothing)


def metrics(config: ImageClassificationConfig) -> list[keras.metrics.Metric]:
    """Take (classes [B], logits or probabilities [B, classes]): both rank the classes alike."""
    chosen = [keras.metrics.SparseCategoricalAccuracy(name="accuracy")]
    if config.model.num_classes > 10:
        chosen.append(keras.metrics.SparseTopKCategoricalAccuracy(k=5, name="top_5_accuracy"))
    return chosen


def columns(targets: tf.Tensor, logits: tf.Tensor) -> tf.Tensor:
    """The probabilities of all classes, float32 [B, classes]; Keras's own metrics compare them with the label."""
    return tf.nn.softmax(logits)


def column_metrics(config: ImageClassificationConfig) -> list[keras.metrics.Metric]:
    return [
        *metrics(config),
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
    sizes = ("image/side",) if config.data.augment == "inception" else ()
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
