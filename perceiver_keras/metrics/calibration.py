"""Expected calibration error: does a model that says 80 % turn out to be right 80 % of the time?

Predictions are sorted into bins by their confidence, and in each bin the mean confidence is compared with the share
that was right (Naeini et al. 2015; Guo et al., arXiv 1706.04599, section 2, with 15 bins of equal width). What a bin
needs are three sums, which can be added in any order and over any number of machines.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import tensorflow as tf
from tensorflow import keras

from perceiver_keras.metrics.columns import ColumnMetric

BINS = 15
SUMS = 3  # of the confidences, of those that were right, and how many there are
COLUMNS = SUMS * BINS


@dataclass(frozen=True)
class Bin:
    """The predictions whose confidence is in one range.

    Attributes:
      confidence: Their mean confidence; None without any.
      accuracy: The share of them that was right; None without any.
      count: How many.
    """

    confidence: float | None
    accuracy: float | None
    count: int


def columns(confidence: tf.Tensor, right: tf.Tensor, counts: tf.Tensor | None = None) -> tf.Tensor:
    """The sums of each example's predictions, float32 [B, 45], to be appended to a task's columns.

    Args:
      confidence: Probabilities of what was predicted, [B] or [B, n].
      right: Whether it was, as booleans or 0 and 1, of the same shape.
      counts: Which predictions count, of the same shape; None: all of them.
    """
    size = tf.shape(confidence)[0]
    confidence, right, counts = (
        tf.reshape(tf.cast(x, tf.float32), [size, -1])
        for x in (confidence, right, tf.ones_like(confidence) if counts is None else counts)
    )
    # NaN has no bin; it is in the metrics of the predictions themselves.
    counts = tf.where(tf.math.is_nan(confidence), 0.0, counts)
    confidence = tf.where(counts > 0, confidence, 0.0)
    place = tf.clip_by_value(tf.cast(tf.math.ceil(confidence * BINS), tf.int32) - 1, 0, BINS - 1)
    bins = tf.one_hot(place, BINS) * counts[..., None]  # [B, n, bins]
    parts = [tf.einsum("bn,bnk->bk", x, bins) for x in (confidence, right)]
    return tf.concat([*parts, tf.reduce_sum(bins, axis=1)], axis=-1)


def of_classes(
    probabilities: tf.Tensor, labels: tf.Tensor, counts: tf.Tensor | None = None
) -> tf.Tensor:
    """`columns` of the likeliest class: probabilities [B, C] or [B, n, C], labels [B] or [B, n] -> [B, 45]."""
    best = tf.argmax(probabilities, axis=-1, output_type=tf.int32)
    right = best == tf.cast(labels, tf.int32)
    return columns(tf.reduce_max(probabilities, axis=-1), right, counts)


def of_logits(logits: tf.Tensor, labels: tf.Tensor, counts: tf.Tensor | None = None) -> tf.Tensor:
    """As `of_classes`, of logits, without the probabilities of all classes."""
    logits = tf.cast(logits, tf.float32)
    best = tf.argmax(logits, axis=-1, output_type=tf.int32)
    confidence = tf.exp(tf.reduce_max(logits, axis=-1) - tf.reduce_logsumexp(logits, axis=-1))
    return columns(confidence, best == tf.cast(labels, tf.int32), counts)


def error(sums: tf.Tensor) -> tf.Tensor:
    """The expected calibration error of sums [..., 45], float64 [...]; NaN if nothing was counted."""
    confidence, right, count = tf.split(tf.cast(sums, tf.float64), SUMS, axis=-1)
    total = tf.reduce_sum(count, axis=-1)
    gaps = tf.reduce_sum(tf.abs(confidence - right), axis=-1)
    return tf.where(total > 0, gaps / tf.where(total > 0, total, 1.0), float("nan"))


def reliability(sums: np.ndarray | tf.Tensor) -> list[Bin]:
    """The 15 bars of a reliability diagram, from the least to the most confident.

    Args:
      sums: [..., 45], rows of columns or the `sums` of a metric; they are added up.
    """
    confidence, right, count = np.asarray(sums, np.float64).reshape(-1, SUMS, BINS).sum(0)
    return [
        Bin(float(c / n), float(r / n), round(n)) if n > 0 else Bin(None, None, 0)
        for c, r, n in zip(confidence, right, count, strict=True)
    ]


@keras.saving.register_keras_serializable(package="perceiver_keras")
class CalibrationError(keras.metrics.Metric):
    """The expected calibration error of the likeliest class, from 0 (best) to 1; NaN if nothing was counted.

    Call: labels [B], probabilities [B, C].
    """

    def __init__(self, name: str = "calibration_error", dtype: Any = None):
        super().__init__(name=name, dtype=dtype)
        # One array, because TFMA adds up states as one.
        self._sums = self.add_weight(
            name="sums", shape=(COLUMNS,), initializer="zeros", dtype=tf.float64
        )

    @property
    def sums(self) -> np.ndarray:
        """What `reliability` reads, float64 [45]."""
        return self._sums.numpy()

    def update_state(self, y_true: Any, y_pred: Any, sample_weight: Any = None) -> None:
        labels = tf.reshape(tf.convert_to_tensor(y_true), [-1])
        rows = of_classes(tf.reshape(y_pred, [-1, tf.shape(y_pred)[-1]]), labels)
        self._sums.assign_add(tf.reduce_sum(tf.cast(rows, tf.float64), axis=0))

    def result(self) -> tf.Tensor:
        return tf.cast(error(self._sums), tf.float32)

    def reset_state(self) -> None:
        self._sums.assign(tf.zeros_like(self._sums))


@keras.saving.register_keras_serializable(package="perceiver_keras")
class ColumnCalibrationError(ColumnMetric):
    """The expected calibration error from 0 (best) to 1, from `columns` in a task's columns; NaN without any.

    Args:
      first: Index of the first of the 45 columns. Rows without them, of models exported before there were any, count
        as nothing.
    """

    def __init__(self, first: int, name: str = "calibration_error", dtype: Any = None):
        super().__init__(name=name, dtype=dtype)
        self.first = first
        self._sums = self.add_weight(
            name="sums", shape=(COLUMNS,), initializer="zeros", dtype=tf.float64
        )

    @property
    def sums(self) -> np.ndarray:
        """What `reliability` reads, float64 [45]."""
        return self._sums.numpy()

    @property
    def counted(self) -> bool:
        return bool(self.sums[-BINS:].sum() > 0)

    def add(self, columns: tf.Tensor) -> None:
        if columns.shape[-1] < self.first + COLUMNS:
            return
        own = tf.cast(columns[..., self.first : self.first + COLUMNS], tf.float64)
        self._sums.assign_add(tf.reduce_sum(tf.reshape(own, [-1, COLUMNS]), axis=0))

    def result(self) -> tf.Tensor:
        return tf.cast(error(self._sums), tf.float32)

    def reset_state(self) -> None:
        self._sums.assign(tf.zeros_like(self._sums))

    def get_config(self) -> dict[str, Any]:
        return super().get_config() | {"first": self.first}


@keras.saving.register_keras_serializable(package="perceiver_keras")
class LabelwiseCalibrationError(ColumnMetric):
    """For several labels per example: the mean over labels of the expected calibration error of its probability.

    Here all probabilities count, not only the likeliest (the classwise error of Kull et al., arXiv 1910.12656).

    Columns: logits, then truths (0 or 1), [B, 2 C].

    Args:
      num_classes: C.
    """

    def __init__(self, num_classes: int, name: str = "calibration_error", dtype: Any = None):
        super().__init__(name=name, dtype=dtype)
        self.num_classes = num_classes
        self._sums = self.add_weight(
            name="sums", shape=(num_classes, COLUMNS), initializer="zeros", dtype=tf.float64
        )

    @property
    def sums(self) -> np.ndarray:
        """What `reliability` reads, float64 [C, 45]."""
        return self._sums.numpy()

    @property
    def counted(self) -> bool:
        return bool(self.sums[:, -BINS:].sum() > 0)

    def add(self, columns: tf.Tensor) -> None:
        logits, truths = tf.split(tf.cast(columns, tf.float32), 2, axis=-1)
        per_label = _sums_of(tf.transpose(tf.sigmoid(logits)), tf.transpose(truths))
        self._sums.assign_add(tf.cast(per_label, tf.float64))

    def result(self) -> tf.Tensor:
        return tf.cast(tf.reduce_mean(error(self._sums)), tf.float32)

    def reset_state(self) -> None:
        self._sums.assign(tf.zeros_like(self._sums))

    def get_config(self) -> dict[str, Any]:
        return super().get_config() | {"num_classes": self.num_classes}


_sums_of = columns  # a metric's `add` calls its argument `columns`, too
