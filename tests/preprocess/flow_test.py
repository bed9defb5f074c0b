from __future__ import annotations

import numpy as np
import tensorflow as tf

from perceiver_keras.config import ConvStem, FourierPosition, PatchStem, PixelStem
from perceiver_keras.preprocess.flow import FlowPreprocess, local_contrast

FRAMES = np.random.default_rng(0).normal(size=(2, 2, 5, 6, 3)).astype(np.float32)


def test_an_element_is_its_neighbourhood_in_both_frames():
    layer = FlowPreprocess(
        stem=PatchStem(temporal_downsample=2), position=FourierPosition(num_bands=2)
    )
    array = layer(FRAMES).numpy()
    assert array.shape == (2, 30, 54 + 10) == tuple(layer.compute_output_shape(FRAMES.shape))
    padded = np.pad(FRAMES, [(0, 0), (0, 0), (1, 1), (1, 1), (0, 0)])
    for row, column in ((0, 0), (2, 3), (4, 5)):
        window = padded[:, :, row : row + 3, column : column + 3]
        np.testing.assert_array_equal(array[:, row * 6 + column, :54], window.reshape(2, 54))


def test_other_sizes_after_building():
    layer = FlowPreprocess(
        stem=PatchStem(temporal_downsample=2, linear_channels=8),
        position=FourierPosition(num_bands=2, max_resolution=(5, 6)),
    )
    layer(FRAMES)
    assert layer(tf.zeros((1, 2, 7, 4, 3))).shape == (1, 28, 18)


def test_frames_apart_are_elements_with_a_time():
    layer = FlowPreprocess(patch_size=1, stem=PixelStem(), position=FourierPosition(num_bands=2))
    array = layer(FRAMES).numpy()
    assert array.shape == (2, 60, 3 + 15) == tuple(layer.compute_output_shape(FRAMES.shape))
    np.testing.assert_array_equal(array[:, :, :3], FRAMES.reshape(2, 60, 3))
    np.testing.assert_array_equal(array[0, :, 3], np.repeat([-1.0, 1.0], 30))  # the time
    np.testing.assert_array_equal(array[0, :30, 4:6], array[0, 30:, 4:6])  # row and column


def test_joined_before_a_stem_that_knows_no_time():
    pixels = FlowPreprocess(
        patch_size=3, join_frames=True, stem=PixelStem(), position=FourierPosition(num_bands=2)
    )
    patches = FlowPreprocess(
        stem=PatchStem(temporal_downsample=2), position=FourierPosition(num_bands=2)
    )
    np.testing.assert_array_equal(pixels(FRAMES), patches(FRAMES))
    convolved = FlowPreprocess(
        patch_size=1,
        join_frames=True,
        stem=ConvStem(channels=7),
        position=FourierPosition(num_bands=2),
    )
    assert convolved(FRAMES).shape == (2, 2 * 2, 7 + 10)
    assert tuple(convolved.compute_output_shape(FRAMES.shape)) == (2, 4, 17)
    apart = FlowPreprocess(
        patch_size=1, stem=ConvStem(channels=7), position=FourierPosition(num_bands=2)
    )
    assert (
        apart(FRAMES).shape
        == (2, 2 * 4, 7 + 15)
        == tuple(apart.compute_output_shape((2, 2, 5, 6, 3)))
    )


def test_local_contrast_pixel_by_pixel():
    frames = FRAMES[:1] * 2 + np.float32([1.0, 2.0, -1.0])
    padded = np.pad(frames, [(0, 0), (0, 0), (1, 1), (1, 1), (0, 0)], constant_values=np.nan)
    less = np.zeros_like(frames)
    for y, x in np.ndindex(5, 6):
        around = padded[0, :, y : y + 3, x : x + 3]
        less[0, :, y, x] = frames[0, :, y, x] - np.nanmean(around, axis=(0, 1, 2))
    padded = np.pad(less**2, [(0, 0), (0, 0), (1, 1), (1, 1), (0, 0)], constant_values=np.nan)
    expected = np.zeros_like(frames)
    for y, x in np.ndindex(5, 6):
        deviation = np.sqrt(np.nanmean(padded[0, :, y : y + 3, x : x + 3]))
        expected[0, :, y, x] = less[0, :, y, x] / (deviation + 0.05)
    np.testing.assert_allclose(local_contrast(tf.constant(frames), 3), expected, atol=1e-5)
    stem, position = PatchStem(temporal_downsample=2), FourierPosition(num_bands=2)
    layer = FlowPreprocess(contrast_window=3, stem=stem, position=position)
    plain = FlowPreprocess(stem=stem, position=position)
    np.testing.assert_allclose(layer(frames), plain(expected), atol=1e-5)


def test_even_surfaces_have_no_contrast():
    assert not local_contrast(tf.ones((1, 2, 4, 4, 3)), 3).numpy().any()
