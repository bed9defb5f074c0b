"""Metrics as named numbers."""

from __future__ import annotations

import tensorflow as tf

from perceiver_keras.metrics import read_metrics


def test_a_metric_of_several_values_gives_each_its_name():
    class Sizes(tf.keras.metrics.Mean):
        def result(self):
            return {"small": super().result(), "large": 10 * super().result()}

    sizes = Sizes(name="sizes")
    sizes.update_state([1.0, 3.0])
    assert read_metrics([sizes]) == {"small": 2.0, "large": 20.0}
