from __future__ import annotations

import numpy as np
import pytest
import tensorflow as tf

from perceiver_keras.config import FourierPosition
from perceiver_keras.layers.patches import depth_to_space
from perceiver_keras.postprocess.video import VideoPostprocess
from perceiver_keras.preprocess.video import VideoPreprocess

CLIP = np.random.default_rng(0).uniform(size=(2, 4, 6, 8, 3)).astype(np.float32)


@pytest.mark.parametrize(("temporal", "spatial"), [(1, 2), (2, 2), (1, 1)])
def test_frames_come_back(temporal, spatial):
    layer = VideoPreprocess(
        spatial_patch=spatial, temporal_patch=temporal, position=FourierPosition(num_bands=2)
    )
    array = layer(CLIP)
    assert array.shape == layer.compute_output_shape(CLIP.shape)
    grid = (4 // temporal, 6 // spatial, 8 // spatial)
    patches = tf.reshape(array[:, :, : 3 * temporal * spatial**2], [2, *grid, -1])
    np.testing.assert_array_equal(depth_to_space(patches, temporal, spatial), CLIP)


def test_postprocess_restores_the_order_of_pixels():
    pixels = CLIP.reshape(2, -1, 3)
    layer = VideoPostprocess(grid=(4, 6, 8))
    np.testing.assert_array_equal(layer.assemble(tf.constant(pixels)), CLIP)
    outputs = np.random.default_rng(1).normal(size=(2, 192, 5)).astype(np.float32)
    frames = layer(outputs)
    assert frames.shape == CLIP.shape
    some = layer(outputs[:, 7:9], points=[7, 8])
    np.testing.assert_allclose(some, tf.reshape(frames, [2, 192, 3])[:, 7:9], atol=1e-6)
