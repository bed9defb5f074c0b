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
    if config.data.mixing == "none":
        return _ranked(config)
    return _ranked(config, SharedAccuracy, SharedTopKAccuracy)


def _ranked(
    config: ImageClassificationConfig,
    accuracy: type[keras.metrics.Metric] = keras.metrics.SparseCategoricalAccuracy,
    top_k_accuracy: type[keras.metrics.Metric] = keras.metrics.SparseTopKCategoricalAccuracy,
) -> list[keras.metrics.Metric]:
    chosen = [accuracy(name="accuracy")]
    if config.model.num_classes > 10:
        chosen.append(top_k_accuracy(k=5, name="top_5_accuracy"))
    return chosen


class _OfLargestShare:
    """Makes a metric of classes take shares of classes as well."""

    def update_state(self, y_true: tf.Tensor, y_pred: tf.Tensor, sample_weight: Any = None) -> None:
        if y_true.shape.rank == 2 and y_true.dtype.is_floating:
            y_true = tf.argmax(y_true, axis=-1)
        super().update_state(y_true, y_pred, sample_weight)


@keras.saving.register_keras_serializable(package="perceiver_keras")
class SharedAccuracy(_OfLargestShare, keras.metrics.SparseCategoricalAccuracy):
    """The share of pictures whose largest share is the class that the model takes for the likeliest."""


@keras.saving.register_keras_serializable(package="perceiver_keras")
class SharedTopKAccuracy(_OfLargestShare, keras.metrics.SparseTopKCategoricalAccuracy):
    """The share of pictures whose largest share is among the k classes that the model takes for the likeliest."""


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
