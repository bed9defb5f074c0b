"""Losses against plain NumPy and Keras's own on one-hot targets."""

from __future__ import annotations

import numpy as np
import pytest
import tensorflow as tf

from perceiver_keras.loss import SparseCrossEntropy, mean_loss


def log_softmax(logits: np.ndarray) -> np.ndarray:
    logits = logits.astype(np.float64)
    return logits - np.log(np.exp(logits).sum(-1, keepdims=True))


@pytest.mark.parametrize("smoothing", [0.0, 0.1, 0.9])
def test_sparse_cross_entropy_is_that_of_smoothed_one_hot_targets(smoothing):
    generator = np.random.default_rng(0)
    logits = (generator.normal(size=(4, 5, 7)) * 30).astype(np.float32)
    labels = generator.integers(0, 7, size=(4, 5))
    targets = (1 - smoothing) * np.eye(7)[labels] + smoothing / 7
    want = -(targets * log_softmax(logits)).sum(-1)
    loss = SparseCrossEntropy(smoothing)
    np.testing.assert_allclose(loss.call(labels, logits), want, rtol=1e-5, atol=1e-5)
    assert float(loss(labels, logits)) == pytest.approx(want.mean(), rel=1e-5)
    assert float(mean_loss(loss, labels, logits)) == pytest.approx(want.mean(), rel=1e-5)
    one_hot = tf.keras.losses.CategoricalCrossentropy(from_logits=True, label_smoothing=smoothing)
    assert float(loss(labels, logits)) == pytest.approx(
        float(one_hot(np.eye(7)[labels], logits)), rel=1e-4
    )


def test_sparse_cross_entropy_is_serializable_and_checks_its_argument():
    config = tf.keras.losses.serialize(SparseCrossEntropy(0.2))
    again = tf.keras.losses.deserialize(config)
    assert isinstance(again, SparseCrossEntropy) and again.label_smoothing == 0.2
    with pytest.raises(ValueError, match="label_smoothing"):
        SparseCrossEntropy(1.0)


def test_a_loss_in_bfloat16_is_computed_in_float32():
    logits = tf.cast([[100.0, 1.0]], tf.bfloat16)
    assert SparseCrossEntropy(0.1).call([0], logits).dtype == tf.float32
