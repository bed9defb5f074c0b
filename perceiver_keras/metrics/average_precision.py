"""Mean average precision for several labels per example, the metric of AudioSet."""

from __future__ import annotations

import math
from typing import Any

import tensorflow as tf
from tensorflow import keras

from perceiver_keras.metrics.columns import ColumnMetric


@keras.saving.register_keras_serializable(package="perceiver_keras")
class BinnedAveragePrecision(ColumnMetric):
    """The mean over classes of the average precision, for several labels per example (AudioSet's mAP).

    The average precision of a class is the mean, over its positives, of the precision among all examples that score at
    least as high. The exact value needs all scores of the data set, and no state of fixed size holds them. Here the
    scores are logits rounded to bins of 1/128 from -16 to 16, so the value is scikit-learn's for the rounded scores:
    exact unless neighbouring scores share a bin. The counts add up over batches, workers and TFMA's shards. Classes
    without a positive are left out; the result is NaN if no class has one, so that there is nothing to measure.

    Columns: logits, then truths (0 or 1), [B, 2 C].

    Args:
      num_classes: C.
    """

    BINS, STEPS = 4097, 128

    def __init__(
        self,
        num_classes: int,
        name: str = "mean_average_precision",
        dtype: Any = None,
    ):
        super().__init__(name=name, dtype=dtype)
        self.num_classes = num_classes
        # Of negatives and positives, per class and bin.
        self._counts = self.add_weight(
            name="counts", shape=(num_classes, 2, self.BINS), initializer="zeros", dtype=tf.float32
        )

    @property
    def counted(self) -> bool:
        return bool(tf.reduce_any(self._counts[:, 1] > 0))

    def add(self, columns: tf.Tensor) -> None:
        logits, truths = tf.split(tf.cast(columns, tf.float32), 2, axis=-1)
        logits = tf.clip_by_value(logits, -16.0, 16.0)
        bins = tf.cast(tf.round((logits + 16.0) * self.STEPS), tf.int32)
        classes = tf.broadcast_to(tf.range(self.num_classes), tf.shape(bins))
        places = tf.stack([classes, tf.cast(truths > 0.5, tf.int32), bins], -1)
        ones = tf.ones(tf.shape(bins), tf.float32)
        self._counts.assign_add(tf.scatter_nd(places, ones, self._counts.shape))

    def result(self) -> tf.Tensor:
        counts = tf.cast(self._counts, tf.float64)
        above = tf.cumsum(counts, axis=2, reverse=True)  # that score at least as high
        precision = tf.math.divide_no_nan(above[:, 1], above[:, 0] + above[:, 1])
        positives = tf.reduce_sum(counts[:, 1], axis=1)
        average = tf.math.divide_no_nan(tf.reduce_sum(precision * counts[:, 1], axis=1), positives)
        known = tf.cast(positives > 0, tf.float64)
        classes = tf.reduce_sum(known)
        mean = tf.reduce_sum(average * known) / tf.where(classes > 0, classes, 1.0)
        nothing = tf.constant(math.nan, tf.float64)
        return tf.cast(tf.where(classes > 0, mean, nothing), tf.float32)

    def reset_state(self) -> None:
        self._counts.assign(tf.zeros_like(self._counts))  # Keras would assign a plain 0

    def get_config(self) -> dict[str, Any]:
        return super().get_config() | {"num_classes": self.num_classes}

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> BinnedAveragePrecision:
        # Version 0.1 had a form that took (truths, logits), and said here which one it was.
        return cls(**{name: value for name, value in config.items() if name != "columns"})
