"""GELU (arXiv 1606.08415), of which only the input is kept for the gradient."""

from __future__ import annotations

import math

import tensorflow as tf

from perceiver_keras.layers.kept import keeping_input

_ROOT = math.sqrt(2 / math.pi)
_CUBE = 0.044715


def gelu_tanh(x: tf.Tensor, training: bool | None = None) -> tf.Tensor:
    """x/2 · (1 + tanh(√(2/π)·(x + 0.044715·x³))): JAX's default, and so the official models'. Any shape."""
    return _gelu(x, training, approximate=True)


def gelu(x: tf.Tensor, training: bool | None = None) -> tf.Tensor:
    """x·Φ(x), exact: the PyTorch port's. Any shape."""
    return _gelu(x, training, approximate=False)


def _gelu(x: tf.Tensor, training: bool | None, approximate: bool) -> tf.Tensor:
    # TensorFlow fuses it with the product before by its name and form.
    whole = lambda x: tf.nn.gelu(x, approximate=approximate, name="gelu")  # noqa: E731
    if training is None or training is False:
        return whole(x)
    return keeping_input(whole, _tanh_gradient if approximate else _gradient, x)


def _tanh_gradient(upstream: tf.Tensor, x: tf.Tensor) -> tf.Tensor:
    squared = x * x
    tanh = tf.tanh(x * (_ROOT + _ROOT * _CUBE * squared))
    inner = x * (_ROOT + 3 * _ROOT * _CUBE * squared)
    return upstream * (0.5 + 0.5 * (tanh + (1 - tanh * tanh) * inner))


def _gradient(upstream: tf.Tensor, x: tf.Tensor) -> tf.Tensor:
    below = 0.5 + 0.5 * tf.math.erf(x * math.sqrt(0.5))
    density = tf.exp(-0.5 * x * x) * (0.5 * _ROOT)
    return upstream * (below + x * density)
