"""Metrics over columns: the same numbers from columns as from targets and outputs."""

from __future__ import annotations

import numpy as np
import pytest
import tensorflow as tf

from perceiver_keras.errors import PerceiverError
from perceiver_keras.metrics.columns import (
    ColumnMetric,
    ColumnRatio,
    deserialized,
    of_outputs,
    serialized,
)


def test_a_ratio_of_columns_is_the_ratio_of_their_sums():
    rng = np.random.default_rng(0)
    targets, outputs = rng.normal(size=(2, 7, 3)).astype(np.float32)

    def columns(targets, outputs):
        return tf.stack([tf.reduce_sum(tf.abs(targets - outputs), -1), tf.ones(len(targets))], -1)

    (training,) = of_outputs([ColumnRatio(0, 1, "error")], columns)
    tfma = ColumnRatio.from_config(training.get_config())
    assert training.takes_outputs and not tfma.takes_outputs
    assert np.isnan(training.result()) and not training.counted
    for part in (slice(0, 2), slice(2, 7)):
        training.update_state(targets[part], outputs[part])
        tfma.update_state(np.array([b"\x00\xff"] * 2), columns(targets[part], outputs[part]))
    assert training.counted and tfma.counted
    expected = np.abs(targets.astype(np.float64) - outputs).sum() / 7
    np.testing.assert_allclose([training.result(), tfma.result()], expected, rtol=1e-6)


def test_a_small_row_is_not_lost_among_millions():
    """float32 would stay at 2^24: the next odd number is not one."""
    metric = ColumnRatio(0, 1, "mean")
    metric.update_state(None, [[2.0**24, 1.0]])
    for _ in range(8):
        metric.update_state(None, [[1.0, 0.0]])
    assert float(metric.result()) == 2.0**24 + 8


def test_a_value_that_is_not_a_number_is_told_from_nothing_to_count():
    metric = ColumnRatio(0, 1, "mean")
    metric.update_state(None, [[0.0, 0.0]])
    assert np.isnan(metric.result()) and not metric.counted
    metric.update_state(None, [[np.nan, 1.0]])
    assert np.isinf(metric.result()) and metric.counted


def test_a_metric_must_say_how_columns_are_added():
    class Unfinished(ColumnMetric):
        def result(self):
            return 0.0

    with pytest.raises(TypeError, match="Unfinished must say how columns are added"):
        Unfinished(name="none").update_state(None, tf.zeros([1, 2]))


def first_and_one(targets, outputs):
    return tf.stack([targets[:, 0], tf.ones(len(targets))], -1)


def test_a_file_brings_a_metric_back_with_its_columns():
    stored = serialized(of_outputs([ColumnRatio(0, 1, "first")], first_and_one))
    (metric,) = deserialized(stored, near=__name__)
    metric.update_state(np.float32([[1.0], [4.0]]), None)
    assert metric.name == "first" and float(metric.result()) == 2.5


@pytest.mark.parametrize(
    "function",
    [
        "os:system",
        "antigravity:geohash",
        "perceiver_keras.nothing:f",
        "tests.metrics.columns_test:f",
    ],
)
def test_a_file_names_no_function_of_others(function):
    (stored,) = serialized(of_outputs([ColumnRatio(0, 1, "first")], first_and_one))
    with pytest.raises(PerceiverError, match="compile=False"):
        deserialized([stored | {"columns": function}], near=__name__)
