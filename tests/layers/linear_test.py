from __future__ import annotations

import numpy as np
import tensorflow as tf

from perceiver_keras.layers.linear import Linear, weights_by_path


def test_linear_is_a_matrix_product():
    x = np.random.default_rng(0).normal(size=(2, 3, 4)).astype(np.float32)
    layer = Linear(5)
    layer(x)
    kernel, bias = (np.random.default_rng(1).normal(size=w.shape) for w in layer.weights)
    layer.set_weights([kernel, bias])
    np.testing.assert_allclose(layer(x), x @ kernel + bias, atol=1e-5)


def test_initial_scale_is_one_over_fan_in():
    """Although truncated at two deviations, the variance is 1/fan-in (Haiku's correction)."""
    layer = Linear(500)
    layer.build((None, 400))
    kernel = layer.kernel.numpy()
    np.testing.assert_allclose(kernel.var() * 400, 1.0, rtol=0.02)
    assert np.abs(kernel).max() <= 2 / 0.87962566 / 20 + 1e-6
    assert not layer.bias.numpy().any()


def test_zero_init():
    layer = Linear(3, zero_init=True)
    assert not layer(tf.ones((2, 4))).numpy().any()


def test_paths():
    layer = Linear(3, name="out")
    layer.build((None, 2))
    assert list(weights_by_path(layer)) == ["kernel", "bias"]
