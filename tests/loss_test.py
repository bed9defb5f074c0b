"""Losses against plain NumPy and Keras's own on one-hot targets."""

from __future__ import annotations

import numpy as np
import pytest
import tensorflow as tf
from tensorflow import keras

from perceiver_keras.loss import (
    MaskedCrossEntropy,
    SharedCrossEntropy,
    SparseCrossEntropy,
    mean_loss,
    mean_weight,
)


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


@pytest.mark.parametrize("cut", [1, 4, 7])
@pytest.mark.parametrize("masked", [False, True])
def test_the_mean_of_a_batch_is_the_weighted_mean_of_its_parts(masked, cut):
    """However it is cut, and whatever is asked for in each part; a part of which nothing is asked weighs nothing."""
    generator = np.random.default_rng(2)
    logits = generator.normal(size=(8, 5, 7)).astype(np.float32)
    labels = generator.integers(0, 7, size=(8, 5))
    if masked:
        labels[:3] = -1
        labels[5, 2:] = -1
    loss = MaskedCrossEntropy() if masked else SparseCrossEntropy()
    parts = [(labels[:cut], logits[:cut]), (labels[cut:], logits[cut:])]
    means = [float(mean_loss(loss, *part)) for part in parts]
    weights = [float(mean_weight(loss, targets)) for targets, _ in parts]
    assert weights[0] == ((labels[:cut] >= 0).sum() if masked else cut)
    assert np.average(means, weights=weights) == pytest.approx(
        float(mean_loss(loss, labels, logits)), rel=1e-6
    )


def test_targets_of_several_parts_weigh_as_many_examples():
    targets = {"image": np.zeros([6, 4, 4]), "label": np.zeros([6])}
    assert float(mean_weight(SparseCrossEntropy(), targets)) == 6


@pytest.mark.parametrize("smoothing", [0.0, 0.1])
def test_shared_cross_entropy_is_the_weighted_mean_of_two_classes(smoothing):
    rng = np.random.default_rng(2)
    logits = rng.normal(size=(5, 7)).astype(np.float32)
    first, second = rng.integers(0, 7, (2, 5))
    ratio = rng.random(5).astype(np.float32)
    shares = ratio[:, None] * np.eye(7)[first] + (1 - ratio[:, None]) * np.eye(7)[second]
    plain, shared = SparseCrossEntropy(smoothing), SharedCrossEntropy(smoothing)
    wanted = ratio * plain.call(tf.constant(first), logits) + (1 - ratio) * plain.call(
        tf.constant(second), logits
    )
    found = shared.call(tf.constant(shares, tf.float32), tf.constant(logits))
    np.testing.assert_allclose(found, wanted, rtol=1e-5)
    np.testing.assert_array_equal(
        shared.call(tf.constant(first), tf.constant(logits)), plain.call(tf.constant(first), logits)
    )
    again = keras.losses.deserialize(keras.losses.serialize(shared))
    assert again.label_smoothing == smoothing
