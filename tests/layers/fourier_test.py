"""The two roundings of Fourier tables, against what JAX 0.10 and PyTorch 2.13 computed."""

from __future__ import annotations

import hashlib

import numpy as np
import pytest
import tensorflow as tf

from perceiver_keras.layers.fourier import axis_table, linspace
from perceiver_keras.layers.position import FourierPositionEncoding


@pytest.mark.parametrize(
    "start, stop, num, digest",
    [
        (-1, 1, 1920, "c557610698d9b447"),
        (1, 15360, 192, "97b5d81197543a61"),
        (-1, 1, 55, "2bfbc6d2f69300b7"),
        (1, 248, 64, "17e68005ec402411"),
    ],
)
def test_linspace_has_pytorchs_bits(start, stop, num, digest):
    values = linspace(start, stop, num, "port")
    assert values.dtype == np.float32
    assert hashlib.sha256(values.tobytes()).hexdigest()[:16] == digest


@pytest.mark.parametrize(
    "arithmetic, expected",
    [
        ("port", [0.183425, -0.20391569, 0.481948, 0.78186405]),
        ("official", [0.183425, -0.20200321, 0.48622054, 0.77942276]),
    ],
)
def test_the_highest_bands_of_sound_are_theirs(arithmetic, expected):
    """The released video model's: 1,920 patches, 192 bands up to 15,360; the two differ in the third digit."""
    sines = axis_table(1920, 30_720, 192, arithmetic, to_the_ends=True).sines
    np.testing.assert_allclose(
        sines[[7, 700, 1300, 1900], [191, 180, 150, 99]], expected, atol=1e-6
    )


@pytest.mark.parametrize(
    "size, resolution, bands, places, expected",
    [
        (64, 1024, 32, [[5, 21, 40, 58], [31, 30, 17, 25]],
         [-0.7497755, 0.5144879, -0.3495547, -0.9966935]),
        (240, 3840, 60, [[7, 101, 180, 238], [59, 58, 40, 21]],
         [0.99514073, -0.5959641, -0.5362007, 0.8266236]),
    ],
)  # fmt: skip
def test_high_frequencies_are_those_of_compiled_jax(size, resolution, bands, places, expected):
    sines = axis_table(size, resolution, bands, "official", to_the_ends=True).sines
    np.testing.assert_allclose(sines[tuple(places)], expected, atol=1e-6)


@pytest.mark.parametrize("arithmetic", ["official", "port"])
def test_the_ends_and_a_single_place(arithmetic):
    for num in (2, 3, 8, 55):
        values = linspace(-1, 1, num, arithmetic)
        assert values[0] == -1 and values[-1] == 1
        np.testing.assert_allclose(values, np.linspace(-1, 1, num), atol=2e-7)
    assert linspace(-1, 1, 1, arithmetic).tolist() == [-1]


@pytest.mark.parametrize("to_the_ends", [True, False])
@pytest.mark.parametrize("arithmetic", ["official", "port"])
def test_rounded_features_are_near_the_exact_ones(arithmetic, to_the_ends):
    features = tf.zeros((1, 6, 9, 1))
    rounded = FourierPositionEncoding(num_bands=5, arithmetic=arithmetic)
    exact = FourierPositionEncoding(num_bands=5)
    for layer in (rounded, exact):
        layer.build(features.shape)
    grid = rounded.of_grid((6, 9), to_the_ends)
    np.testing.assert_allclose(grid, exact.of_grid((6, 9), to_the_ends), atol=2e-5)
    if not to_the_ends:
        points = [0, 10, 53]
        np.testing.assert_array_equal(rounded.of_points(points, (6, 9)), tf.gather(grid, points))


def test_a_grid_of_unknown_size_is_exact():
    layer = FourierPositionEncoding(num_bands=3, arithmetic="port")
    layer.build((None, None, 1))

    @tf.function(input_signature=[tf.TensorSpec((None, None, 1))])
    def positions(features):
        return layer(features)

    exact = FourierPositionEncoding(num_bands=3)
    exact.build((None, None, 1))
    features = tf.zeros((1, 7, 1))
    np.testing.assert_allclose(positions(features), exact(features), atol=1e-6)


def test_only_known_roundings():
    with pytest.raises(ValueError, match="'exact', 'official' or 'port'"):
        FourierPositionEncoding(num_bands=3, arithmetic="float16")
