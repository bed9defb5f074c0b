"""Metrics of tags count bytes: by hand, and against the loss."""

from __future__ import annotations

import numpy as np
import pytest
import tensorflow as tf

from perceiver_keras.metrics.results import results_of
from perceiver_keras.tasks.token_classification import metrics
from tests.metrics.calibration_by_hand import calibration_error
from tests.tasks.token_classification.small import CONFIG


def test_metrics_count_bytes():
    targets = tf.constant([[1, 0, 2, -1], [3, 3, 0, 0]])
    best = np.array([[1, 1, 2, 5], [3, 0, 0, 0]])
    logits = tf.constant(5.0 * np.eye(7)[best], tf.float32)
    found = {metric.name: metric for metric in metrics.metrics(CONFIG)}
    for metric in found.values():
        metric.update_state(targets, logits)
    assert float(found["accuracy"].result()) == pytest.approx(5 / 7)
    assert float(found["entity_accuracy"].result()) == pytest.approx(3 / 4)
    expected = metrics.loss(CONFIG)(targets, logits)
    assert float(found["cross_entropy"].result()) == pytest.approx(float(expected), rel=1e-5)
    of_columns = results_of(metrics.column_metrics(CONFIG), [metrics.columns(targets, logits)])
    sure = np.exp(5) / (np.exp(5) + 6)
    assert of_columns == pytest.approx(
        {name: float(metric.result()) for name, metric in found.items()}
        | {"calibration_error": calibration_error([sure] * 7, [1, 0, 1, 1, 0, 1, 1])},
        rel=1e-4,
    )
    trivial = metrics.baseline(tf.data.Dataset.from_tensors(({}, targets)), CONFIG)
    assert trivial["accuracy"] == pytest.approx(3 / 7)
    assert trivial["entity_accuracy"] == 0
    counts = np.array([3, 1, 1, 2])  # of the tags 0 to 3
    entropy = -(counts * np.log(counts / 7)).sum() / 7
    assert trivial["cross_entropy"] == pytest.approx(entropy, rel=1e-5)
