from __future__ import annotations

import numpy as np
import pytest
import tensorflow as tf

from perceiver_keras.postprocess.flow import FlowPostprocess, decoded_channels, upsample_convex

RNG = np.random.default_rng(0)
FRAMES = RNG.normal(size=(2, 2, 5, 6, 3)).astype(np.float32)


def test_flow_takes_the_frames_shape_and_unit():
    outputs = np.random.default_rng(0).normal(size=(2, 30, 2)).astype(np.float32)
    flow = FlowPostprocess()(outputs, inputs=FRAMES)
    np.testing.assert_allclose(flow, outputs.reshape(2, 5, 6, 2) / 5, rtol=1e-6)
    some = FlowPostprocess(flow_scale=1.0)(outputs[:, :3], inputs=FRAMES, points=[0, 1, 2])
    np.testing.assert_allclose(some, outputs[:, :3] / 100, rtol=1e-6)


def restated(flow, logits, factor):
    """RAFT's rule, fine pixel by fine pixel."""
    batch, height, width, channels = flow.shape
    padded = np.pad(flow, [(0, 0), (1, 1), (1, 1), (0, 0)])
    fine = np.zeros((batch, height * factor, width * factor, channels))
    logits = logits.reshape(batch, height, width, 9, factor, factor)
    for b, row, column in np.ndindex(batch, height * factor, width * factor):
        (y, i), (x, j) = divmod(row, factor), divmod(column, factor)
        weights = np.exp(logits[b, y, x, :, i, j])
        around = padded[b, y : y + 3, x : x + 3].reshape(9, channels)
        fine[b, row, column] = weights @ around / weights.sum()
    return fine


def test_convex_upsampling_pixel_by_pixel():
    flow = RNG.normal(size=(2, 3, 4, 2)).astype(np.float32)
    logits = RNG.normal(size=(2, 3, 4, 36)).astype(np.float32)
    expected = restated(flow, logits, 2)
    fine = upsample_convex(tf.constant(flow), tf.constant(logits), 2)
    np.testing.assert_allclose(fine, expected, atol=1e-6)


@pytest.mark.parametrize("upsampling", ["convex", "blocks"])
def test_upsampled_flow_has_the_frames_size_at_any_size(upsampling):
    layer = FlowPostprocess(flow_scale=100.0, factor=4, upsampling=upsampling)
    channels = decoded_channels(4, upsampling)
    flow = layer(tf.ones((2, 4, channels)), inputs=FRAMES)  # a grid of 2 x 2, the last ones cut
    assert flow.shape == (2, 5, 6, 2)
    np.testing.assert_allclose(flow[:, 4:, 4:], 4 / 9 if upsampling == "convex" else 1, rtol=1e-6)
    with pytest.raises(ValueError, match="whole"):
        layer(tf.ones((2, 1, channels)), inputs=FRAMES, points=[0])


def test_blocks_are_the_pixels_row_by_row():
    layer = FlowPostprocess(flow_scale=100.0, factor=2, upsampling="blocks")
    outputs = np.arange(8, dtype=np.float32).reshape(1, 1, 8)
    flow = layer(outputs, inputs=tf.zeros((1, 2, 2, 2, 3)))
    np.testing.assert_array_equal(flow[0], outputs.reshape(2, 2, 2))


def test_an_unknown_upsampling_is_an_error():
    with pytest.raises(ValueError, match="nearest"):
        FlowPostprocess(upsampling="nearest")
