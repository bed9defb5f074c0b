"""Layer normalisation against NumPy in float64."""

from __future__ import annotations

import numpy as np
import pytest
import tensorflow as tf

from perceiver_keras.layers.normalization import LayerNorm
from tests.checks import ops_that_run, with_onednn


def test_layer_norm_against_numpy():
    x = (np.random.default_rng(0).normal(size=(4, 7)) * 5 + 300).astype(np.float32)
    layer = LayerNorm()
    layer(x)
    scale, offset = np.arange(7.0), np.arange(7.0) - 3
    layer.set_weights([scale, offset])
    exact = x.astype(np.float64)
    centred = exact - exact.mean(-1, keepdims=True)
    expected = centred / np.sqrt(centred.var(-1, keepdims=True) + 1e-5) * scale + offset
    for run in (layer, tf.function(layer), tf.function(layer, jit_compile=True)):
        for training in (None, True):
            np.testing.assert_allclose(
                run(x, training=training), expected, atol=2e-4
            )  # 300 ± 5: five digits


def test_statistics_stay_float32_in_mixed_precision():
    """The mean of these is 129.5, which bfloat16 would round to 130."""
    x = tf.constant([[128.0, 129.0, 130.0, 131.0]])
    expected = (np.arange(4) - 1.5) / np.sqrt(1.25)
    for policy in ("mixed_bfloat16", "bfloat16"):
        layer = LayerNorm(dtype=policy)
        for run in (layer, tf.function(layer), tf.function(layer, jit_compile=True)):
            found = run(x)
            assert found.dtype == tf.bfloat16
            np.testing.assert_allclose(tf.cast(found, tf.float32)[0], expected, rtol=0.01)


@with_onednn
@pytest.mark.parametrize("policy", ["float32", "mixed_bfloat16", "bfloat16"])
def test_one_kernel_also_where_the_graph_has_a_loop(policy):
    """Loops add edges of control, for which the graph's optimizer finds fewer patterns."""
    layer = LayerNorm(dtype=policy)
    x = tf.cast(np.random.default_rng(0).normal(size=(2, 4, 8)), layer.compute_dtype)
    layer(x)

    def run(x):
        y = layer(tf.nn.relu(x))
        return tf.while_loop(
            lambda step, _: step < 2, lambda step, y: (step + 1, tf.sin(y)), (0, y)
        )

    kinds = ops_that_run(run, x)
    assert kinds["_MklLayerNorm"] == 1 and not kinds["FusedBatchNormV3"]


def test_the_gradient_of_the_kernel_is_that_of_the_operations():
    """Asked for outside training, as pictures of what an output depends on do."""
    layer = LayerNorm()
    x = tf.constant(np.random.default_rng(0).normal(size=(3, 5)).astype(np.float32))
    layer(x)
    layer.set_weights([np.arange(1.0, 6.0), np.ones(5)])

    def gradient(x, training):
        with tf.GradientTape() as tape:
            tape.watch(x)
            y = tf.reduce_sum(tf.sin(layer(x, training=training)))
        return tape.gradient(y, [x, *layer.trainable_variables])

    for a, b in zip(tf.function(gradient)(x, False), gradient(x, True), strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-4, atol=1e-5)
