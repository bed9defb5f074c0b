"""The product of a padded, normalised row with a key, from the few channels that stand for it."""

from __future__ import annotations

import numpy as np
import pytest
import tensorflow as tf
from hypothesis import given, settings
from hypothesis import strategies as st

from perceiver_keras.layers import padded_norm
from perceiver_keras.layers.normalization import LayerNorm
from tests.checks import assert_close


def norm_of(channels: int, rng: np.random.Generator) -> LayerNorm:
    layer = LayerNorm()
    layer(np.zeros([1, channels], np.float32))
    layer.set_weights([rng.normal(size=channels), rng.normal(size=channels)])
    return layer


@settings(max_examples=25, deadline=None)
@given(
    own=st.integers(1, 9),
    more=st.integers(1, 40),
    level=st.sampled_from([0.0, 3.0, -50.0]),
    seed=st.integers(0, 99),
)
def test_the_product_is_that_of_the_whole_row(own, more, level, seed):
    rng = np.random.default_rng(seed)
    x, padding = rng.normal(size=(2, 5, own)) + level, rng.normal(size=(1, more))
    key = rng.normal(size=(2, 4, own + more + 1))
    norm = norm_of(own + more, rng)
    scale, offset = norm.get_weights()

    whole = np.concatenate([x, np.broadcast_to(padding, (2, 5, more))], -1)
    centred = whole - whole.mean(-1, keepdims=True)
    normed = centred / np.sqrt((centred**2).mean(-1, keepdims=True) + norm.epsilon) * scale + offset
    expected = normed @ key[..., :-1].swapaxes(1, 2) + key[:, None, :, -1]

    x, padding, key = (tf.constant(array, tf.float32) for array in (x, padding, key))
    few = padded_norm.coefficients(norm, x, padding)
    keys = padded_norm.keys(norm, key, padding)
    assert few.shape == (2, 5, own + 3) and keys.shape == (2, 4, own + 3)
    found = tf.matmul(few, keys, transpose_b=True)
    np.testing.assert_allclose(found, expected, atol=2e-5 * (1 + abs(level)) * (own + more))


@pytest.mark.parametrize("padding", [0.02, 1.0])
def test_a_row_without_variance_is_its_offset(padding):
    """Where all channels are the same nothing but the offset is left, and nothing is divided by zero."""
    norm = norm_of(6, np.random.default_rng(0))
    x = tf.fill([1, 1, 2], padding)
    few = padded_norm.coefficients(norm, x, tf.fill([1, 4], padding))
    keys = padded_norm.keys(
        norm, tf.concat([tf.eye(6), tf.zeros([6, 1])], -1), tf.fill([1, 4], padding)
    )
    assert_close(tf.matmul(few[0], keys, transpose_b=True)[0], norm.get_weights()[1], 1e-3)
