from __future__ import annotations

import numpy as np
import pytest
import tensorflow as tf

from perceiver_keras.layers.dropout import Dropout


def test_share_and_scale():
    x = tf.ones((100, 100))
    y = Dropout(0.3)(x, training=True).numpy()
    assert abs((y == 0).mean() - 0.3) < 0.02
    np.testing.assert_allclose(y[y != 0], 1 / 0.7, rtol=1e-6)


def test_state_repeats_the_masks():
    """What a checkpoint restores is enough to draw the same masks again, in another layer too."""
    x = tf.ones((50,))
    layer = Dropout(0.5)
    layer(x, training=True)
    state = layer.get_weights()
    masks = [layer(x, training=True) for _ in range(2)]
    assert (masks[0] != masks[1]).numpy().any()
    other = Dropout(0.5)
    other.build(x.shape)
    other.set_weights(state)
    for mask in masks:
        np.testing.assert_array_equal(other(x, training=True), mask)


def test_in_graph_with_a_training_tensor():
    x = tf.ones((1000,))
    layer = Dropout(0.5)
    function = tf.function(lambda training: layer(x, training=training))
    np.testing.assert_array_equal(function(tf.constant(False)), x)
    first, second = function(tf.constant(True)), function(tf.constant(True))
    assert (first != second).numpy().any()


def test_rate_zero_has_no_state():
    layer = Dropout(0.0)
    layer(tf.ones((3,)), training=True)
    assert not layer.weights


def test_rate_out_of_range():
    with pytest.raises(ValueError, match="got 1.5"):
        Dropout(1.5)
