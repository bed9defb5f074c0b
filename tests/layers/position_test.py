"""Positions against the formulas in docs/architecture.md (Positions), written out point by point."""

from __future__ import annotations

import numpy as np
import pytest
import tensorflow as tf

from perceiver_keras.layers.position import (
    FourierPositionEncoding,
    LearnedPositionEncoding,
    linear_positions,
)


def features(points, bands, resolution, concat_pos=True, sine_only=False):
    """[positions, sines dimension-major, cosines dimension-major] of each point [P, d], one by one."""
    rows = []
    for p in points:
        angles = [
            np.pi * f * x
            for x, r in zip(p, resolution, strict=True)
            for f in np.linspace(1, r / 2, bands)
        ]
        rows.append(
            (list(p) if concat_pos else [])
            + [np.sin(a) for a in angles]
            + ([] if sine_only else [np.cos(a) for a in angles])
        )
    return np.array(rows)


def fourier(grid, bands, resolution, **kwargs):
    """The features of all places of a grid, row by row."""
    sides = [np.linspace(-1, 1, n) for n in grid]
    places = [
        [side[i] for side, i in zip(sides, index, strict=True)] for index in np.ndindex(*grid)
    ]
    return features(places, bands, resolution, **kwargs)


@pytest.mark.parametrize("grid", [(7,), (3, 5), (2, 3, 4)], ids=str)
@pytest.mark.parametrize("flags", [(True, False), (False, False), (True, True)], ids=str)
def test_fourier_grid(grid, flags):
    concat_pos, sine_only = flags
    resolution = tuple(10 * (i + 1) for i in range(len(grid)))
    layer = FourierPositionEncoding(
        num_bands=4, max_resolution=resolution, concat_pos=concat_pos, sine_only=sine_only
    )
    found = layer(tf.zeros((2, *grid, 3)))
    expected = fourier(grid, 4, resolution, concat_pos=concat_pos, sine_only=sine_only)
    assert found.shape[-1] == layer.num_channels(len(grid))
    np.testing.assert_allclose(found, expected, atol=1e-6)


def test_fourier_resolution_defaults_to_the_grid():
    found = FourierPositionEncoding(num_bands=3)(tf.zeros((1, 4, 6, 1)))
    np.testing.assert_allclose(found, fourier((4, 6), 3, (4, 6)), atol=1e-6)


def test_fourier_large_resolution_keeps_six_digits():
    """The full-size flow model's frequencies reach 248: float32 angles would be off by 5e-5."""
    found = FourierPositionEncoding(num_bands=64, max_resolution=(496,))(tf.zeros((1, 496, 1)))
    np.testing.assert_allclose(found, fourier((496,), 64, (496,)), atol=2e-7)


def test_fourier_of_unknown_size_equals_known():
    layer = FourierPositionEncoding(num_bands=3, max_resolution=(9, 9))
    known = layer(tf.zeros((1, 4, 6, 2)))
    spec = tf.TensorSpec((None, None, None, 2))
    for jit in (False, True):
        function = tf.function(layer, input_signature=[spec], jit_compile=jit)
        np.testing.assert_allclose(function(tf.zeros((1, 4, 6, 2))), known, atol=1e-6)


def test_linear_positions():
    np.testing.assert_allclose(linear_positions(5), np.linspace(-1, 1, 5))
    np.testing.assert_array_equal(linear_positions(1), [-1.0])


def test_positions_of_points_do_not_reach_one():
    """-1 + 2·index/size, not the linspace of the grid."""
    layer = FourierPositionEncoding(num_bands=2, max_resolution=(9, 8))
    indices = np.array([(0, 0), (0, 1), (1, 1), (2, 3)])
    expected = -1 + 2 * indices / [3, 4]
    found = layer.of_points(tf.constant([0, 1, 5, 11]), (3, 4))
    np.testing.assert_allclose(found, features(expected, 2, (9, 8)), atol=1e-6)


def test_fourier_refuses_another_number_of_dimensions():
    with pytest.raises(ValueError, match="not for a grid of 1 dimensions"):
        FourierPositionEncoding(num_bands=2, max_resolution=(4, 4))(tf.zeros((1, 5, 2)))


def test_learned_positions_are_row_major_and_of_one_size():
    layer = LearnedPositionEncoding(channels=3)
    assert layer(tf.zeros((2, 4, 5, 1))).shape == (20, 3)
    assert 0.01 < layer.embeddings.numpy().std() < 0.03
    with pytest.raises(ValueError, match="20 learned positions"):
        layer(tf.zeros((2, 4, 6, 1)))


def test_projection():
    layer = LearnedPositionEncoding(channels=3, project_dim=7)
    found = layer(tf.zeros((2, 4, 1)))
    embeddings, kernel, bias = layer.get_weights()
    np.testing.assert_allclose(found, embeddings @ kernel + bias, atol=1e-6)
