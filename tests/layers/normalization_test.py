"""Layer normalisation against NumPy in float64."""

from __future__ import annotations

import numpy as np
import tensorflow as tf

from perceiver_keras.layers.normalization import LayerNorm


def test_layer_norm_against_numpy():
    x = (np.random.default_rng(0).normal(size=(4, 7)) * 5 + 300).astype(np.float32)
    layer = LayerNorm()
    layer(x)
    scale, offset = np.arange(7.0), np.arange(7.0) - 3
    layer.set_weights([scale, offset])
    exact = x.astype(np.float64)
    centred = exact - exact.mean(-1, keepdims=True)
    expected = centred / np.sqrt(centred.var(-1, keepdims=True) + 1e-5) * scale + offset
    np.testing.assert_allclose(layer(x), expected, atol=2e-4)  # 300 ± 5 leaves float32 five digits


def test_statistics_stay_float32_in_mixed_precision():
    """The mean of these is 129.5, which bfloat16 would round to 130."""
    x = tf.constant([[128.0, 129.0, 130.0, 131.0]])
    found = LayerNorm(dtype="mixed_bfloat16")(x)
    assert found.dtype == tf.bfloat16
    expected = (np.arange(4) - 1.5) / np.sqrt(1.25)
    np.testing.assert_allclose(tf.cast(found, tf.float32)[0], expected, rtol=0.01)
