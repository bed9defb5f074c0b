"""Cross-entropy per label, and the mean average precision over all labels (mAP)."""

from __future__ import annotations

import numpy as np
import tensorflow as tf
from tensorflow import keras

from perceiver_keras.autograph import unconverted
from perceiver_keras.data.described.buckets import by_class
from perceiver_keras.metrics.average_precision import BinnedAveragePrecision
from perceiver_keras.metrics.calibration import LabelwiseCalibrationError
from perceiver_keras.metrics.columns import of_outputs
from perceiver_keras.tasks.audio_classification.presets import AudioClassificationConfig
from perceiver_keras.tasks.contract.measures import Measures


def loss(config: AudioClassificationConfig) -> keras.losses.Loss:
    smoothing = config.train.label_smoothing
    return keras.losses.BinaryCrossentropy(from_logits=True, label_smoothing=smoothing)


@unconverted
def columns(targets: tf.Tensor, logits: tf.Tensor) -> tf.Tensor:
    """float32 [B, 2 classes]: logits, then truths."""
    return tf.concat([logits, targets], axis=-1)


def column_metrics(config: AudioClassificationConfig) -> list[keras.metrics.Metric]:
    classes = config.model.num_classes
    return [BinnedAveragePrecision(classes), LabelwiseCalibrationError(classes)]


def metrics(config: AudioClassificationConfig) -> list[keras.metrics.Metric]:
    return of_outputs([BinnedAveragePrecision(config.model.num_classes)], columns)


def baseline(dataset: tf.data.Dataset, config: AudioClassificationConfig) -> dict[str, float]:
    """The mean over classes of the share of examples that have the class: the mAP of uninformative scores."""
    truths = np.concatenate([targets.numpy() for _, targets in dataset])
    shares = truths.mean(0)
    return {"mean_average_precision": float(shares[shares > 0].mean()) if shares.any() else 0.0}


def slices(config: AudioClassificationConfig) -> tuple[str, ...]:
    return (*by_class("label", config.model.num_classes), "audio/level")


MEASURES = Measures(
    loss=loss,
    metrics=metrics,
    columns=columns,
    column_metrics=column_metrics,
    baseline=baseline,
    lower_is_better=("calibration_error",),
    slices=slices,
)
