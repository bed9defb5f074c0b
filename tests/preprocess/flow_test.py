from __future__ import annotations

import numpy as np
import tensorflow as tf

from perceiver_keras.config import FourierPosition, PatchStem
from perceiver_keras.postprocess.flow import FlowPostprocess
from perceiver_keras.preprocess.flow import FlowPreprocess

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


def test_flow_takes_the_frames_shape_and_unit():
    outputs = np.random.default_rng(0).normal(size=(2, 30, 2)).astype(np.float32)
    flow = FlowPostprocess()(outputs, inputs=FRAMES)
    np.testing.assert_allclose(flow, outputs.reshape(2, 5, 6, 2) / 5, rtol=1e-6)
    some = FlowPostprocess(flow_scale=1.0)(outputs[:, :3], inputs=FRAMES, points=[0, 1, 2])
    np.testing.assert_allclose(some, outputs[:, :3] / 100, rtol=1e-6)
