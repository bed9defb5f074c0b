from __future__ import annotations

import numpy as np
import pytest
import tensorflow as tf

from perceiver_keras.config import (
    Conv1x1Stem,
    ConvStem,
    FourierPosition,
    LearnedPosition,
    PatchStem,
    PixelStem,
)
from perceiver_keras.preprocess.image import ImagePreprocess

FOURIER = FourierPosition(num_bands=2)
PICTURE = np.random.default_rng(0).normal(size=(2, 8, 12, 3)).astype(np.float32)


@pytest.mark.parametrize(
    ("stem", "elements", "channels"),
    [
        (PixelStem(), 96, 3),
        (PixelStem(spatial_downsample=3), 12, 3),
        (Conv1x1Stem(channels=5, spatial_downsample=2), 24, 5),
        (ConvStem(channels=4), 6, 4),
        (PatchStem(spatial_downsample=4), 6, 48),
        (PatchStem(spatial_downsample=4, linear_channels=7), 6, 7),
    ],
    ids=str,
)
def test_shapes(stem, elements, channels):
    layer = ImagePreprocess(stem=stem, position=FOURIER)
    array = layer(PICTURE)
    assert array.shape == (2, elements, channels + 2 * 5)
    assert layer.compute_output_shape(PICTURE.shape) == array.shape


def test_pixels_in_row_major_order_before_their_positions():
    array = ImagePreprocess(stem=PixelStem(), position=FOURIER)(PICTURE).numpy()
    np.testing.assert_array_equal(array[:, :, :3], PICTURE.reshape(2, 96, 3))
    np.testing.assert_allclose(array[0, 13, 3:5], [-1 + 2 / 7, -1 + 2 / 11], atol=1e-6)
    np.testing.assert_array_equal(array[0, :, 3:], array[1, :, 3:])


def test_positions_added():
    layer = ImagePreprocess(
        stem=Conv1x1Stem(channels=5),
        position=LearnedPosition(channels=4, project_dim=5),
        concat_or_add="add",
    )
    added = layer(PICTURE)
    features = layer.stem(PICTURE).numpy().reshape(2, 96, 5)
    np.testing.assert_allclose(added, features + layer.position(layer.stem(PICTURE)), atol=1e-6)
    assert layer.compute_output_shape(PICTURE.shape) == added.shape


def test_other_sizes_with_one_trace():
    layer = ImagePreprocess(stem=ConvStem(channels=4), position=FOURIER)
    traced = tf.function(layer, input_signature=[tf.TensorSpec((None, None, None, 3))])
    for height, width in ((8, 12), (17, 5)):
        picture = np.ones((2, height, width, 3), np.float32)
        np.testing.assert_allclose(traced(picture), layer(picture), atol=1e-6)


def test_unknown_word_for_joining():
    with pytest.raises(ValueError, match="'sum' is not 'concat' or 'add'"):
        ImagePreprocess(stem=PixelStem(), position=FOURIER, concat_or_add="sum")
