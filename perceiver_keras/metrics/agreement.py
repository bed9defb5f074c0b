"""How well predictions agree with labels: accuracy, F1, Matthews, Pearson and Spearman over a whole data set.

Except for accuracy, none of these is a mean over examples, so they must not be averaged over batches. Each is computed
at the end from *sums*, which can be added in any order and over any number of machines. TFMA merges Keras metrics in
the same way: it adds up the one array of state that a metric has.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any, Literal

import tensorflow as tf
from tensorflow import keras

from perceiver_keras.metrics.columns import ColumnMetric

GROUP, LABEL, PREDICTION, PLACE = range(4)  # the columns that the metrics read
NO_LABEL = -1.0  # the label in GLUE's test sets, whose answers are not public
CLASSES_MOST = 3
PLACES_MOST = 8192  # STS-B has 5,749 training and 1,500 development examples


@dataclass(frozen=True, kw_only=True)
class Statistic:
    """One measure of agreement over the examples of one group.

    Attributes:
      kind: "accuracy" and "matthews" for up to three classes, "f1" for class 1 against class 0, "pearson" and
        "spearman" for numbers. Where scikit-learn or SciPy call a value undefined (no example of class 1, all numbers
        equal), it is 0.
      group: Only rows with this number in the column `GROUP` count.
      weight: In a weighted mean of several statistics.
      no_label: Labels of this value or less stand for an example that has none; None: every example has one.
    """

    kind: Literal["accuracy", "f1", "matthews", "pearson", "spearman"]
    group: int = 0
    weight: float = 1.0
    no_label: float | None = NO_LABEL

    @property
    def size(self) -> int:
        """How many numbers the state has."""
        return {"pearson": 6, "spearman": 3 * PLACES_MOST + 1}.get(self.kind, CLASSES_MOST**2)

    def sums(self, columns: tf.Tensor) -> tf.Tensor:
        """The state of these rows [B, 4] alone, float64 [size]; the states of parts add up to that of the whole."""
        columns = tf.cast(columns, tf.float64)
        label, prediction = columns[:, LABEL], columns[:, PREDICTION]
        counts = columns[:, GROUP] == self.group
        if self.no_label is not None:
            counts &= label > self.no_label
        if self.kind == "pearson":
            zero = tf.zeros_like(label)
            x, y = tf.where(counts, label, zero), tf.where(counts, prediction, zero)
            rows = [tf.cast(counts, tf.float64), x, y, x * x, y * y, x * y]
            return tf.reduce_sum(tf.stack(rows), axis=1)
        if self.kind == "spearman":
            place = tf.cast(columns[:, PLACE], tf.int32)
            fits = counts & (place >= 0) & (place < PLACES_MOST)
            rows = tf.stack([tf.ones_like(label), label, prediction], axis=1)
            sums = tf.math.unsorted_segment_sum(rows, tf.where(fits, place, -1), PLACES_MOST)
            lost = tf.reduce_sum(tf.cast(counts & ~fits, tf.float64))
            return tf.concat([tf.reshape(sums, [-1]), [lost]], 0)
        row, column = (
            tf.clip_by_value(tf.round(x), 0.0, CLASSES_MOST - 1.0) for x in (label, prediction)
        )
        cell = tf.cast(row * CLASSES_MOST + column, tf.int32)
        ones = tf.ones_like(label)
        return tf.math.unsorted_segment_sum(ones, tf.where(counts, cell, -1), self.size)

    def count(self, state: tf.Tensor) -> tf.Tensor:
        """How many examples a state counts, float64 []."""
        if self.kind == "pearson":
            return state[0]
        if self.kind == "spearman":
            return tf.reduce_sum(state[:-1:3]) + state[-1]
        return tf.reduce_sum(state)

    def value(self, state: tf.Tensor) -> tf.Tensor:
        """The value, float64 []."""
        if self.kind == "pearson":
            return _correlation(*tf.unstack(state))
        if self.kind == "spearman":
            return _spearman(tf.reshape(state[:-1], [-1, 3]), lost=state[-1])
        counts = tf.reshape(state, [CLASSES_MOST, CLASSES_MOST])  # [true, predicted]
        right, total = tf.linalg.trace(counts), tf.reduce_sum(counts)
        true, said = tf.reduce_sum(counts, 1), tf.reduce_sum(counts, 0)
        if self.kind == "accuracy":
            return tf.math.divide_no_nan(right, total)
        if self.kind == "f1":
            return tf.math.divide_no_nan(2 * counts[1, 1], true[1] + said[1])
        spread = (total**2 - tf.reduce_sum(true**2)) * (total**2 - tf.reduce_sum(said**2))
        return tf.math.divide_no_nan(
            right * total - tf.reduce_sum(true * said), tf.sqrt(tf.maximum(spread, 0.0))
        )


@keras.saving.register_keras_serializable(package="perceiver_keras")
class Agreement(ColumnMetric):
    """A statistic over all examples, or the weighted mean of those that have examples; NaN if none has any.

    Spearman's coefficient depends on the ranks of all values. The state therefore has a slot for each place in the data
    set (the column `PLACE`); the result is exact in any order and over any number of workers. An example that is seen
    twice counts once, with the mean of its predictions.

    The result is NaN if nothing was counted, and minus infinity if it can't be computed: a prediction was not a number,
    or Spearman's place was beyond `PLACES_MOST`. Only the first means that the metric does not apply.

    Args:
      statistics: What to compute, as `Statistic` or its dictionary.
    """

    def __init__(
        self, statistics: Sequence[Statistic | dict[str, Any]], name: str, dtype: Any = None
    ):
        super().__init__(name=name, dtype=dtype)
        self.statistics = [s if isinstance(s, Statistic) else Statistic(**s) for s in statistics]
        self._sizes = [statistic.size for statistic in self.statistics]
        # One array: TFMA 0.46 adds states as one NumPy array, whatever their shapes are.
        self._state = self.add_weight(
            name="state", shape=(sum(self._sizes),), initializer="zeros", dtype=tf.float64
        )

    @property
    def counted(self) -> bool:
        return any(
            float(statistic.count(state)) > 0
            for statistic, state in zip(self.statistics, self._states(), strict=True)
        )

    def add(self, columns: tf.Tensor) -> None:
        self._state.assign_add(tf.concat([s.sums(columns) for s in self.statistics], 0))

    def _states(self) -> list[tf.Tensor]:
        return tf.split(tf.convert_to_tensor(self._state), self._sizes)

    def result(self) -> tf.Tensor:
        states = self._states()
        above = below = tf.zeros([], tf.float64)
        for statistic, state in zip(self.statistics, states, strict=True):
            there = tf.cast(statistic.count(state) > 0, tf.float64)
            above += statistic.weight * there * statistic.value(state)
            below += statistic.weight * there
        mean = above / tf.where(below > 0, below, 1.0)
        # All of these are better the larger they are, so this is the worst.
        mean = tf.where(tf.math.is_nan(mean), tf.constant(-math.inf, tf.float64), mean)
        nothing = tf.constant(math.nan, tf.float64)
        return tf.cast(tf.where(below > 0, mean, nothing), tf.float32)

    def reset_state(self) -> None:
        self._state.assign(tf.zeros_like(self._state))

    def get_config(self) -> dict[str, Any]:
        return super().get_config() | {"statistics": [asdict(s) for s in self.statistics]}


def _correlation(n: Any, x: Any, y: Any, xx: Any, yy: Any, xy: Any) -> tf.Tensor:
    """Pearson's coefficient from sums, float64: accurate to 1e-6 if a mean is below 1e4 standard deviations."""
    spread = (n * xx - x * x) * (n * yy - y * y)
    return tf.math.divide_no_nan(n * xy - x * y, tf.sqrt(tf.maximum(spread, 0.0)))


def _spearman(slots: tf.Tensor, lost: tf.Tensor) -> tf.Tensor:
    """Pearson's coefficient of the ranks; slots [places, (count, sum of labels, sum of predictions)]."""
    there = slots[:, 0] > 0
    means = tf.math.divide_no_nan(slots[:, 1:], slots[:, :1])
    zero = tf.zeros_like(means[:, 0])
    n = tf.reduce_sum(tf.cast(there, tf.float64))
    x, y = (tf.where(there, _ranks(means[:, i], there) - (n + 1) / 2, zero) for i in (0, 1))
    sums = [tf.reduce_sum(part) for part in (x, y, x * x, y * y, x * y)]
    # Sorting would give what is not a number some rank.
    unknown = (lost > 0) | tf.reduce_any(tf.math.is_nan(means) & there[:, None])
    return _correlation(n, *sums) + tf.where(unknown, tf.constant(math.nan, tf.float64), 0.0)


def _ranks(values: tf.Tensor, there: tf.Tensor) -> tf.Tensor:
    """Ranks from 1 among the slots in use; equal values share their mean rank."""
    values = tf.where(there, values, float("inf"))
    ordered = tf.sort(values)
    below = tf.searchsorted(ordered, values, side="left")
    up_to = tf.searchsorted(ordered, values, side="right")
    return tf.cast(below + up_to + 1, tf.float64) / 2
