"""What Keras's metrics lack.

A dense output (flow, video, text) is too large for TFMA to move, so a task's `figures` reduces each example to a
row of *columns*, the numbers that metrics add up: float32 [B, K]. The metrics here read such rows, in training and
in TFMA alike.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

import tensorflow as tf
from tensorflow import keras

Columns = Callable[[Any, Any], tf.Tensor]  # (targets, outputs) -> [B, K]


@keras.saving.register_keras_serializable(package="perceiver_keras")
class ColumnRatio(keras.metrics.Metric):
    """The sum of one column over the sum of another, over all examples: a mean over whatever the second counts.

    Sums are float64, so that millions of pixels don't swallow a small one; 0 where nothing was counted.

    Args:
      numerator: Index of the column whose sum is divided.
      denominator: Index of the column whose sum divides.
      columns: Makes the columns of (targets, outputs), in training; None: the second argument is the columns and
        the first is ignored, as TFMA calls it.
    """

    def __init__(
        self,
        numerator: int,
        denominator: int,
        name: str,
        columns: Columns | None = None,
        dtype: Any = None,
    ):
        super().__init__(name=name, dtype=dtype)
        self.numerator, self.denominator, self._columns = numerator, denominator, columns
        kwargs = {"initializer": "zeros", "dtype": tf.float64}
        self._above = self.add_weight(name="numerator", **kwargs)
        self._below = self.add_weight(name="denominator", **kwargs)

    @property
    def takes_targets(self) -> bool:
        """Whether it makes its columns itself, of all targets and outputs together."""
        return self._columns is not None

    def update_state(self, y_true: Any, y_pred: Any, sample_weight: Any = None) -> None:
        columns = y_pred if self._columns is None else self._columns(y_true, y_pred)
        columns = tf.cast(columns, tf.float64)
        self._above.assign_add(tf.reduce_sum(columns[..., self.numerator]))
        self._below.assign_add(tf.reduce_sum(columns[..., self.denominator]))

    def result(self) -> tf.Tensor:
        return tf.cast(tf.math.divide_no_nan(self._above, self._below), tf.float32)

    def get_config(self) -> dict[str, Any]:
        return super().get_config() | {
            "numerator": self.numerator,
            "denominator": self.denominator,
        }


@keras.saving.register_keras_serializable(package="perceiver_keras")
class BinnedAveragePrecision(keras.metrics.Metric):
    """The mean over the classes of the average precision, for several labels at once (mAP of AudioSet).

    The average precision of a class is the mean, over its positives, of the precision among all examples that score at
    least as high. It needs all scores of the set, which no state of fixed size holds; here scores are logits
    rounded to bins of 1/128 from -16 to 16, so the value is scikit-learn's of the rounded scores. That is
    exact but for neighbours closer than a bin, and adds up over batches, workers and TFMA's shards. Classes
    without a positive are left out; 0 where there is none at all.

    Args:
      num_classes: C.
      columns: Whether it is given columns [B, 2 C], logits and then truths, as the second argument (the first is
        ignored), as TFMA has them; else truths [B, C] in 0 and 1 and logits [B, C].
    """

    BINS, STEPS = 4097, 128

    def __init__(
        self,
        num_classes: int,
        columns: bool = False,
        name: str = "mean_average_precision",
        dtype: Any = None,
    ):
        super().__init__(name=name, dtype=dtype)
        self.num_classes, self.columns = num_classes, columns
        self._counts = self.add_weight(  # of negatives and positives
            name="counts", shape=(num_classes, 2, self.BINS), initializer="zeros", dtype=tf.float32
        )

    def update_state(self, y_true: Any, y_pred: Any, sample_weight: Any = None) -> None:
        if self.columns:
            y_pred, y_true = tf.split(y_pred, 2, axis=-1)
        logits = tf.clip_by_value(tf.cast(y_pred, tf.float32), -16.0, 16.0)
        bins = tf.cast(tf.round((logits + 16.0) * self.STEPS), tf.int32)
        classes = tf.broadcast_to(tf.range(self.num_classes), tf.shape(bins))
        places = tf.stack([classes, tf.cast(tf.cast(y_true, tf.float32) > 0.5, tf.int32), bins], -1)
        ones = tf.ones(tf.shape(bins), tf.float32)
        self._counts.assign_add(tf.scatter_nd(places, ones, self._counts.shape))

    def result(self) -> tf.Tensor:
        counts = tf.cast(self._counts, tf.float64)
        above = tf.cumsum(counts, axis=2, reverse=True)  # that score at least as high
        precision = tf.math.divide_no_nan(above[:, 1], above[:, 0] + above[:, 1])
        positives = tf.reduce_sum(counts[:, 1], axis=1)
        average = tf.math.divide_no_nan(tf.reduce_sum(precision * counts[:, 1], axis=1), positives)
        known = tf.cast(positives > 0, tf.float64)
        mean = tf.math.divide_no_nan(tf.reduce_sum(average * known), tf.reduce_sum(known))
        return tf.cast(mean, tf.float32)

    def reset_state(self) -> None:
        self._counts.assign(tf.zeros_like(self._counts))  # Keras would assign a plain 0

    def get_config(self) -> dict[str, Any]:
        return super().get_config() | {"num_classes": self.num_classes, "columns": self.columns}


def read_metrics(metrics: Iterable[keras.metrics.Metric]) -> dict[str, float]:
    """Values on the host, by name; a metric that gives several (a dict) has each under its own name."""
    values: dict[str, float] = {}
    for metric in metrics:
        result = metric.result()
        if isinstance(result, dict):
            values |= {name: float(value) for name, value in result.items()}
        else:
            values[metric.name] = float(result)
    return values
