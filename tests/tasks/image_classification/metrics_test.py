"""The loss, the columns and the metrics of classes, against NumPy and scikit-learn."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
import tensorflow as tf
from sklearn.metrics import log_loss, top_k_accuracy_score

from perceiver_keras.config_tree import override
from perceiver_keras.metrics.results import results
from perceiver_keras.tasks.image_classification import metrics
from perceiver_keras.tasks.image_classification.presets import TINY
from tests.metrics.calibration_by_hand import calibration_error

RNG = np.random.default_rng(0)
TARGETS = RNG.integers(0, 12, 40)
LOGITS = RNG.normal(size=(40, 12)).astype(np.float32)
SOFTMAX = np.exp(LOGITS.astype(np.float64))
SOFTMAX /= SOFTMAX.sum(-1, keepdims=True)
TWELVE = override(TINY, "model.num_classes=12")


def test_the_loss_is_smoothed_as_the_settings_say():
    config = dataclasses.replace(TINY, train=dataclasses.replace(TINY.train, label_smoothing=0.3))
    wanted = 0.7 * np.eye(12)[TARGETS] + 0.3 / 12
    expected = -(wanted * np.log(SOFTMAX)).sum(-1)
    np.testing.assert_allclose(metrics.loss(config).call(TARGETS, LOGITS), expected, rtol=1e-5)


def test_metrics_of_outputs_and_of_columns_are_scikit_learn_s():
    of_outputs, of_columns = metrics.metrics(TWELVE), metrics.column_metrics(TWELVE)
    for metric in of_outputs:
        metric.update_state(TARGETS, LOGITS)
    columns = metrics.columns(tf.constant(TARGETS), tf.constant(LOGITS))
    for metric in of_columns:
        metric.update_state(TARGETS, columns)
    expected = {
        "accuracy": (LOGITS.argmax(-1) == TARGETS).mean(),
        "top_5_accuracy": top_k_accuracy_score(TARGETS, LOGITS, k=5, labels=range(12)),
    }
    assert results(of_outputs) == pytest.approx(expected, rel=1e-5)
    expected["cross_entropy"] = log_loss(TARGETS, SOFTMAX, labels=range(12))
    right = LOGITS.argmax(-1) == TARGETS
    expected["calibration_error"] = calibration_error(SOFTMAX.max(-1), right)
    assert results(of_columns) == pytest.approx(expected, rel=1e-5)


def test_ten_classes_have_no_top_5():
    assert [metric.name for metric in metrics.metrics(TINY)] == ["accuracy"]


def test_baseline_is_the_share_of_the_commonest_class():
    targets = tf.constant([1, 1, 2, 9, 1], tf.int64)
    dataset = tf.data.Dataset.from_tensors((tf.zeros([5, 8, 8, 1]), targets))
    assert metrics.baseline(dataset, TINY) == {"accuracy": pytest.approx(0.6)}


def test_slices_are_classes_unless_there_are_many_and_sizes_of_photographs():
    assert metrics.slices(TINY) == ("label",)
    imagenet = override(TINY, "model.num_classes=1000", "data.augment=inception")
    assert metrics.slices(imagenet) == ("image/side",)


def test_where_pictures_are_mixed_the_class_of_the_larger_share_counts():
    """Evaluation has classes, training shares of them; both in a graph, as the training step calls them."""
    config = override(TWELVE, "data.mixing=both")
    for metric in metrics.metrics(config):
        plain = {m.name: m for m in metrics.metrics(TWELVE)}[metric.name]
        plain.update_state(TARGETS, LOGITS)
        shares = 0.7 * np.eye(12)[TARGETS] + 0.3 * np.eye(12)[(TARGETS + 1) % 12]

        @tf.function
        def step(targets, outputs, metric=metric):
            metric.update_state(targets, outputs)  # returns an operation, which a graph can't

        step(tf.constant(shares, tf.float32), tf.constant(LOGITS))
        assert float(metric.result()) == float(plain.result())
        metric.reset_state()
        metric.update_state(tf.constant(TARGETS), tf.constant(LOGITS))
        assert float(metric.result()) == float(plain.result())
    found = metrics.loss(config).call(tf.constant(TARGETS), tf.constant(LOGITS))
    np.testing.assert_allclose(found, metrics.loss(TWELVE).call(TARGETS, LOGITS), rtol=1e-6)
