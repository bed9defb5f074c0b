"""The MLP against its formula in NumPy, with both forms of GELU."""

from __future__ import annotations

import math

import numpy as np
import pytest
import tensorflow as tf

from perceiver_keras.layers.feed_forward import FeedForward
from tests.checks import ops_that_run, with_onednn

X = np.random.default_rng(0).normal(size=(2, 3, 4)).astype(np.float32)


def gelu(x):
    return 0.5 * x * (1 + np.vectorize(math.erf)(x / math.sqrt(2)))


def gelu_tanh(x):
    return 0.5 * x * (1 + np.tanh(math.sqrt(2 / math.pi) * (x + 0.044715 * x**3)))


@pytest.mark.parametrize(("activation", "formula"), [("gelu", gelu), ("gelu_tanh", gelu_tanh)])
def test_linear_gelu_linear(activation, formula):
    layer = FeedForward(widening_factor=3, activation=activation)
    layer(X)
    rng = np.random.default_rng(1)
    weights = [rng.normal(size=w.shape) for w in layer.weights]
    layer.set_weights(weights)
    kernel, bias, back, out_bias = weights
    assert kernel.shape == (4, 12)
    expected = formula(X @ kernel + bias) @ back + out_bias
    np.testing.assert_allclose(layer(X), expected, rtol=1e-4, atol=1e-5)


@with_onednn
@pytest.mark.parametrize("policy", ["float32", "mixed_bfloat16", "bfloat16"])
def test_product_bias_and_gelu_are_one_kernel(policy):
    layer = FeedForward(dtype=policy)
    layer(X)
    kinds = ops_that_run(lambda x: layer(tf.sin(x)), tf.cast(X, layer.compute_dtype))
    assert kinds["_MklNativeFusedMatMul"] + kinds["_FusedMatMul"] == 2
    assert not kinds["Tanh"] and not kinds["BiasAdd"]


def test_an_unknown_activation_is_an_error():
    with pytest.raises(ValueError, match="'relu' is not one of"):
        FeedForward(activation="relu")
