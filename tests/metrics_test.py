"""Metrics as named numbers."""

from __future__ import annotations

import numpy as np
import tensorflow as tf
from sklearn.metrics import average_precision_score

from perceiver_keras.metrics.columns import BinnedAveragePrecision, ColumnRatio, read_metrics


def test_a_metric_of_several_values_gives_each_its_name():
    class Sizes(tf.keras.metrics.Mean):
        def result(self):
            return {"small": super().result(), "large": 10 * super().result()}

    sizes = Sizes(name="sizes")
    sizes.update_state([1.0, 3.0])
    assert read_metrics([sizes]) == {"small": 2.0, "large": 20.0}


def test_a_ratio_of_columns_is_the_ratio_of_their_sums():
    rng = np.random.default_rng(0)
    targets, outputs = rng.normal(size=(2, 7, 3)).astype(np.float32)

    def columns(targets, outputs):
        return tf.stack([tf.reduce_sum(tf.abs(targets - outputs), -1), tf.ones(len(targets))], -1)

    training = ColumnRatio(0, 1, "error", columns=columns)
    tfma = ColumnRatio.from_config(training.get_config())
    assert float(training.result()) == 0.0
    for part in (slice(0, 2), slice(2, 7)):
        training.update_state(targets[part], outputs[part])
        tfma.update_state(np.array([b"\x00\xff"] * 2), columns(targets[part], outputs[part]))
    expected = np.abs(targets.astype(np.float64) - outputs).sum() / 7
    np.testing.assert_allclose([training.result(), tfma.result()], expected, rtol=1e-6)


def test_average_precision_is_scikit_learn_s_of_the_rounded_scores():
    rng = np.random.default_rng(1)
    truths = (rng.uniform(size=(300, 5)) < [0.5, 0.3, 0.1, 0.02, 0]).astype(np.float32)
    logits = (rng.normal(size=(300, 5)) + 1.5 * truths).astype(np.float32)
    plain = BinnedAveragePrecision(5)
    tfma = BinnedAveragePrecision.from_config(plain.get_config() | {"columns": True})
    for part in (slice(0, 100), slice(100, 300)):
        plain.update_state(truths[part], logits[part])
        tfma.update_state(None, np.concatenate([logits[part], truths[part]], -1))
    rounded = np.rint(logits.astype(np.float64) * 128)
    exact, close = (
        np.mean([average_precision_score(truths[:, i], scores[:, i]) for i in range(4)])
        for scores in (rounded, logits)
    )
    np.testing.assert_allclose([plain.result(), tfma.result()], exact, rtol=1e-6)
    assert abs(float(plain.result()) - close) < 1e-3
    plain.reset_state()
    assert float(plain.result()) == 0.0
