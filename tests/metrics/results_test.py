"""The values of metrics as named numbers."""

from __future__ import annotations

import numpy as np
import pytest
import tensorflow as tf

from perceiver_keras.metrics.columns import ColumnRatio
from perceiver_keras.metrics.results import results, results_of


def test_a_metric_of_several_values_gives_each_its_name():
    class Sizes(tf.keras.metrics.Mean):
        def result(self):
            return {"small": super().result(), "large": 10 * super().result()}

    sizes = Sizes(name="sizes")
    sizes.update_state([1.0, 3.0])
    assert results([sizes]) == {"small": 2.0, "large": 20.0}


def test_results_of_batches_are_those_of_all_rows():
    rows = np.random.default_rng(0).uniform(1, 2, [7, 3])
    values = results_of(
        (ColumnRatio(i, 2, name) for i, name in enumerate(("first", "second"))),
        iter([rows[:3], rows[3:4], rows[4:]]),
    )
    sums = rows.sum(0)
    expected = {"first": sums[0] / sums[2], "second": sums[1] / sums[2]}
    assert values == pytest.approx(expected, rel=1e-6)


def test_a_metric_without_anything_to_count_is_left_out():
    metrics = [ColumnRatio(0, 1, "counted"), ColumnRatio(0, 2, "nothing"), ColumnRatio(3, 1, "bad")]
    assert results_of(metrics, [np.array([[3.0, 2.0, 0.0, np.nan]])]) == {
        "counted": 1.5,
        "bad": np.inf,
    }
