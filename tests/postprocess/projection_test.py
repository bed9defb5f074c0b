"""A Linear on every decoded output."""

from __future__ import annotations

import numpy as np
import tensorflow as tf

from perceiver_keras.postprocess.projection import ProjectionPostprocess

OUTPUTS = np.random.default_rng(0).normal(size=(2, 3, 5)).astype(np.float32)


def test_every_output_is_projected_and_float32():
    layer = ProjectionPostprocess(output_dim=4)
    found = layer(OUTPUTS)
    kernel, bias = layer.get_weights()
    np.testing.assert_allclose(found, OUTPUTS @ kernel + bias, atol=1e-6)
    half = ProjectionPostprocess(output_dim=4, dtype="mixed_bfloat16")
    half(OUTPUTS)
    half.set_weights([kernel, bias])
    assert half(OUTPUTS).dtype == tf.float32
    np.testing.assert_allclose(half(OUTPUTS), found, atol=0.05)
