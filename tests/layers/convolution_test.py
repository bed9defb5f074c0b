from __future__ import annotations

import numpy as np
import pytest
import tensorflow as tf

from perceiver_keras.layers.convolution import ConvDownsample, Pointwise


def random(*shape):
    return np.random.default_rng(0).normal(size=shape).astype(np.float32)


def naive_convolution(x, kernel):
    """SAME, stride 2, by the definition: float64, one output at a time."""
    size = kernel.shape[0]
    height, width = -(-x.shape[1] // 2), -(-x.shape[2] // 2)
    pad = [max((n - 1) * 2 + size - m, 0) for n, m in ((height, x.shape[1]), (width, x.shape[2]))]
    x = np.pad(x, [(0, 0)] + [(p // 2, p - p // 2) for p in pad] + [(0, 0)])
    out = np.zeros((x.shape[0], height, width, kernel.shape[-1]))
    for i in range(height):
        for j in range(width):
            window = x[:, 2 * i : 2 * i + size, 2 * j : 2 * j + size]
            out[:, i, j] = np.einsum("bhwc,hwco->bo", window, kernel)
    return out


def naive_max_pool(x):
    height, width = -(-x.shape[1] // 2), -(-x.shape[2] // 2)
    pad = [max((n - 1) * 2 + 3 - m, 0) for n, m in ((height, x.shape[1]), (width, x.shape[2]))]
    widths = [(0, 0)] + [(p // 2, p - p // 2) for p in pad] + [(0, 0)]
    x = np.pad(x, widths, constant_values=-np.inf)
    windows = [
        [x[:, 2 * i : 2 * i + 3, 2 * j : 2 * j + 3].max((1, 2)) for j in range(width)]
        for i in range(height)
    ]
    return np.array(windows).transpose(2, 0, 1, 3)


@pytest.mark.parametrize("size", [(8, 8), (9, 6)], ids=str)
def test_conv_downsample(size):
    x = random(2, *size, 3)
    layer = ConvDownsample(channels=5)
    layer(x)
    kernel, gamma, beta, mean, variance = (
        np.abs(random(*w.shape)) + 0.1 if "variance" in w.name else random(*w.shape)
        for w in layer.weights
    )
    layer.set_weights([kernel, gamma, beta, mean, variance])
    normed = (naive_convolution(x, kernel) - mean) / np.sqrt(variance + 1e-5) * gamma + beta
    expected = naive_max_pool(np.maximum(normed, 0))
    np.testing.assert_allclose(layer(x), expected, atol=1e-4)
    assert layer.compute_output_shape((None, *size, 3))[1:] == expected.shape[1:]


def test_frames_are_taken_one_by_one():
    x = random(2, 3, 8, 8, 3)
    layer = ConvDownsample(channels=5)
    frames = layer(x)
    assert frames.shape == (2, 3, 2, 2, 5)
    np.testing.assert_allclose(frames[:, 1], layer(x[:, 1]), atol=1e-6)


def test_batch_norm_moves_by_a_tenth_in_training():
    layer = ConvDownsample(channels=2)
    layer(random(4, 16, 16, 3), training=True)
    mean = layer.norms[0].moving_mean.numpy()
    batch_mean = layer.convolutions[0](random(4, 16, 16, 3)).numpy().mean((0, 1, 2))
    np.testing.assert_allclose(mean, 0.1 * batch_mean, rtol=1e-4)


def test_pointwise_takes_every_second_pixel():
    x = random(2, 5, 6, 3)
    layer = Pointwise(channels=4, step=2)
    found = layer(x)
    kernel, bias = layer.get_weights()
    np.testing.assert_allclose(found, x[:, ::2, ::2] @ kernel + bias, atol=1e-5)
    assert layer.compute_output_shape(x.shape) == found.shape
    assert tf.reduce_all(found.shape == (2, 3, 3, 4))
