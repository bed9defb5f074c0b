"""Metrics over columns.

A dense output (flow, video, text) is too large for TensorFlow Model Analysis (TFMA) to move, so a task reduces each
example to a row of *columns*, float32 [B, K], and its metrics read such rows, in training and in TFMA alike.
"""

from __future__ import annotations

import contextlib
import importlib
from collections.abc import Callable, Iterable
from typing import Any

import numpy as np
import tensorflow as tf
from tensorflow import keras

from perceiver_keras.errors import PerceiverError

Columns = Callable[[Any, Any], tf.Tensor]  # (targets, outputs) -> [B, K]


class ColumnMetric(keras.metrics.Metric):
    """A metric whose second argument is columns, as TFMA calls it; the first argument is ignored.

    After `of_outputs` it takes (targets, outputs), as Keras calls it, and makes the columns itself. A subclass
    implements `add`.
    """

    make_columns: Columns | None = None

    @property
    def counted(self) -> bool:
        """Whether anything was counted, so that there is a result at all."""
        return True

    @property
    def takes_outputs(self) -> bool:
        """Whether it makes its columns itself, from all targets and outputs."""
        return self.make_columns is not None

    def update_state(self, y_true: Any, y_pred: Any, sample_weight: Any = None) -> None:
        self.add(y_pred if self.make_columns is None else self.make_columns(y_true, y_pred))

    def add(self, columns: tf.Tensor) -> None:
        """Adds rows [B, K] to the state."""
        raise TypeError(f"{type(self).__name__} must say how columns are added.")


def of_outputs(metrics: Iterable[ColumnMetric], columns: Columns) -> list[ColumnMetric]:
    """The same metrics, now taking (targets, outputs) and making the columns themselves."""
    made = list(metrics)
    for metric in made:
        metric.make_columns = columns
    return made


def serialized(metrics: Iterable[ColumnMetric]) -> list[dict[str, Any]]:
    """Metrics of `of_outputs` as plain JSON, each with its columns as "module:function"."""
    return [
        {
            "metric": keras.saving.serialize_keras_object(metric),
            "columns": f"{metric.make_columns.__module__}:{metric.make_columns.__qualname__}",
        }
        for metric in metrics
    ]


def deserialized(config: Iterable[dict[str, Any]], near: str) -> list[ColumnMetric]:
    """What `serialized` was given.

    Args:
      config: From a file, which may come from anywhere: only functions of this package and of `near`'s are looked up.
      near: A module of the package whose functions are trusted as well, that of the model.

    Raises:
      PerceiverError: A function is not there.
    """
    found = []
    for one in config:
        (metric,) = of_outputs(
            [keras.saving.deserialize_keras_object(one["metric"])], _named(one["columns"], near)
        )
        found.append(metric)
    return found


def _named(name: str, near: str) -> Columns:
    module, _, function = name.partition(":")
    if module.split(".")[0] in (__name__.split(".")[0], near.split(".")[0]):
        with contextlib.suppress(ImportError, AttributeError):
            return getattr(importlib.import_module(module), function)
    raise PerceiverError(
        f"The model was compiled with a metric whose columns {name} makes, which is not there; load it with "
        "compile=False."
    )


@keras.saving.register_keras_serializable(package="perceiver_keras")
class ColumnRatio(ColumnMetric):
    """The sum of one column divided by the sum of another: a mean over whatever the second column counts.

    Sums are float64, so that a small value is not lost among millions of pixels. The result is NaN if nothing was
    counted, and infinite if a counted value was not a number: only the first means that the metric does not apply.

    Args:
      numerator: Index of the column to sum.
      denominator: Index of the column whose sum it is divided by.
    """

    def __init__(self, numerator: int, denominator: int, name: str, dtype: Any = None):
        super().__init__(name=name, dtype=dtype)
        self.numerator, self.denominator = numerator, denominator
        kwargs = {"initializer": "zeros", "dtype": tf.float64}
        self._above = self.add_weight(name="numerator", **kwargs)
        self._below = self.add_weight(name="denominator", **kwargs)

    def add(self, columns: tf.Tensor) -> None:
        columns = tf.cast(columns, tf.float64)
        self._above.assign_add(tf.reduce_sum(columns[..., self.numerator]))
        self._below.assign_add(tf.reduce_sum(columns[..., self.denominator]))

    @property
    def counted(self) -> bool:
        return float(self._below) != 0

    def result(self) -> tf.Tensor:
        above = tf.where(tf.math.is_nan(self._above), tf.constant(np.inf, tf.float64), self._above)
        counted = tf.not_equal(self._below, 0)
        ratio = above / tf.where(counted, self._below, 1)
        return tf.cast(tf.where(counted, ratio, tf.constant(np.nan, tf.float64)), tf.float32)

    def get_config(self) -> dict[str, Any]:
        return super().get_config() | {
            "numerator": self.numerator,
            "denominator": self.denominator,
        }
