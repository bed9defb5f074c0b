"""Linear maps folded into the MLP before them: the same numbers, and only where they save multiplications."""

from __future__ import annotations

import numpy as np
import pytest
import tensorflow as tf

from perceiver_keras.layers.feed_forward import FeedForward
from perceiver_keras.layers.folded import folded
from perceiver_keras.layers.linear import Linear
from tests.checks import assert_close

RNG = np.random.default_rng(0)
X = RNG.normal(size=(2, 50, 12)).astype(np.float32)


def parts(
    *units: int, dtype: str = "float32", bias: bool = True
) -> tuple[FeedForward, list[Linear]]:
    mlp = FeedForward(widening_factor=2, dtype=dtype)
    mlp(X)
    maps, channels = [], X.shape[-1]
    for number in units:
        maps.append(Linear(number, use_bias=bias, dtype=dtype))
        maps[-1].build((None, None, channels))
        channels = number
    for layer in (mlp, *maps):
        layer.set_weights([RNG.normal(size=w.shape) * 0.3 for w in layer.weights])
    return mlp, maps


@pytest.mark.parametrize("bias", [True, False])
@pytest.mark.parametrize("units", [(3,), (8, 3), (9, 4, 1)])
@pytest.mark.parametrize("dtype", ["float32", "mixed_bfloat16", "bfloat16"])
def test_it_is_the_block_s_end_and_then_the_maps(units, bias, dtype):
    mlp, maps = parts(*units, bias=bias, dtype=dtype)
    normed = tf.cast(RNG.normal(size=X.shape), mlp.compute_dtype)
    x = tf.cast(X, mlp.compute_dtype)
    expected = x + mlp(normed)
    for linear in maps:
        expected = linear(expected)

    found = folded(mlp, maps, None)(x, mlp.hidden(normed))
    assert found.shape == (2, 50, units[-1]) and found.dtype == expected.dtype
    close = 1e-5 if dtype == "float32" else 0.05
    assert_close(tf.cast(found, tf.float32), tf.cast(expected, tf.float32), close)


def test_without_maps_nothing_is_folded():
    mlp, _ = parts()
    assert folded(mlp, [], None) is None


def multiplications(channels: int, hidden: int, units: list[int], rows: int) -> tuple[int, int]:
    """(apart, folded) by shapes alone: every product that either way takes."""
    apart, size = rows * hidden * channels, channels
    for number in units:
        apart, size = apart + rows * size * number, number
    once, size = 0, units[0]
    for number in units[1:]:
        once, size = once + channels * size * number, number
    once += hidden * channels * size
    return apart, once + rows * (channels + hidden) * size


@pytest.mark.parametrize("rows", [1, 10, 100, 10_000])
@pytest.mark.parametrize("units", [(1,), (3,), (8, 3), (12,), (40,), (40, 2)])
def test_only_where_it_takes_fewer_multiplications(units, rows):
    mlp, maps = parts(*units)
    apart, once = multiplications(12, 24, list(units), rows)
    assert (folded(mlp, maps, rows) is not None) == (once < apart)
