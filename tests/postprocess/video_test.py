"""Decoded pixels as frames."""

from __future__ import annotations

import numpy as np
import tensorflow as tf

from perceiver_keras.postprocess.video import VideoPostprocess

CLIP = np.random.default_rng(0).uniform(size=(2, 4, 6, 8, 3)).astype(np.float32)


def test_postprocess_restores_the_order_of_pixels():
    pixels = CLIP.reshape(2, -1, 3)
    layer = VideoPostprocess(grid=(4, 6, 8))
    np.testing.assert_array_equal(layer.finish(tf.constant(pixels)), CLIP)
    outputs = np.random.default_rng(1).normal(size=(2, 192, 5)).astype(np.float32)
    frames = layer(outputs)
    assert frames.shape == CLIP.shape
    some = layer(outputs[:, 7:9], points=[7, 8])
    np.testing.assert_allclose(some, tf.reshape(frames, [2, 192, 3])[:, 7:9], atol=1e-6)
