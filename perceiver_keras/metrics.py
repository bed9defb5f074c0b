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
