from __future__ import annotations

import numpy as np
import pytest
import tensorflow as tf

from perceiver_keras.config import FourierPosition
from perceiver_keras.layers.patches import depth_to_space
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
