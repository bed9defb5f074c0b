"""GELU and its gradient against Python's `math`, in float64."""

from __future__ import annotations

import math

import numpy as np
import pytest
import tensorflow as tf

from perceiver_keras.layers.gelu import gelu, gelu_tanh

X = np.concatenate([np.linspace(-6, 6, 241), [-40.0, 40.0]]).astype(np.float32)


def exact(x):
    return 0.5 * x * (1 + math.erf(x / math.sqrt(2)))


def by_tanh(x):
    return 0.5 * x * (1 + math.tanh(math.sqrt(2 / math.pi) * (x + 0.044715 * x**3)))


@pytest.mark.parametrize("training", [None, False, True])
@pytest.mark.parametrize(("function", "formula"), [(gelu, exact), (gelu_tanh, by_tanh)])
def test_values_and_slopes(function, formula, training):
    x, step = tf.constant(X), 1e-4
    with tf.GradientTape() as tape:
        tape.watch(x)
        y = function(x, training=training)
    slopes = [(formula(float(v) + step) - formula(float(v) - step)) / (2 * step) for v in X]
    np.testing.assert_allclose(y, [formula(float(v)) for v in X], atol=2e-6)
    np.testing.assert_allclose(tape.gradient(y, x), slopes, atol=2e-5)


def test_training_keeps_the_precision_of_its_input():
    x = tf.cast(X, tf.bfloat16)
    with tf.GradientTape() as tape:
        tape.watch(x)
        y = gelu_tanh(x, training=True)
    gradient = tape.gradient(y, x)
    assert y.dtype == gradient.dtype == tf.bfloat16
    expected = [by_tanh(float(v)) for v in tf.cast(x, tf.float32)]
    np.testing.assert_allclose(tf.cast(y, tf.float32), expected, rtol=0.02, atol=0.01)
