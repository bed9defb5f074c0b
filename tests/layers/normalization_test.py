"""Layer normalisation against NumPy in float64."""

from __future__ import annotations

import collections
import os
import re
import subprocess
import sys

import numpy as np
import pytest
import tensorflow as tf
from tensorflow.python.eager import context

from perceiver_keras.layers.normalization import LayerNorm
from perceiver_keras.layers.xla import for_converters
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


@with_onednn
def test_one_kernel_after_a_reshape():
    """Two reshapes in a row would become one, whose input has no channels."""
    layer, kernel = LayerNorm(), tf.Variable(np.eye(8), dtype=tf.float32)
    x = tf.constant(np.random.default_rng(0).normal(size=(2, 4, 8)), tf.float32)
    layer(x)
    run = lambda x: layer(tf.reshape(tf.reshape(x, [-1, 8]) @ kernel, [2, 4, 8]))  # noqa: E731
    kinds = ops_that_run(run, x)
    assert kinds["_MklLayerNorm"] == 1 and not kinds["FusedBatchNormV3"]


@with_onednn
def test_one_kernel_in_a_loop_s_body_after_a_product():
    """There the optimizer does not know the shapes of variables, nor so those of products with them."""
    told = subprocess.run(
        [sys.executable, "-c", LOOP],
        env={**os.environ, "ONEDNN_VERBOSE": "1"},
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    kinds = collections.Counter(re.findall(r"exec(?:ute)?,cpu,(\w+),", told))
    assert kinds["layer_normalization"] == 3, kinds
    assert not kinds["batch_normalization"]


LOOP = """
from perceiver_keras.stack import use_keras_2
use_keras_2()
import tensorflow as tf
from perceiver_keras.layers.linear import Linear
from perceiver_keras.layers.normalization import LayerNorm
from perceiver_keras.layers.xla import fused
linear, norm = Linear(8), LayerNorm()
body = lambda x: norm(linear(x))
x = tf.random.stateless_normal([2, 64, 8], [0, 1])
body(x)

@tf.function
def run(x):
    return tf.while_loop(lambda i, _: i < 3, lambda i, x: (i + 1, fused(body)(x)), (0, x))

run(x)
"""


@pytest.mark.parametrize("policy", ["float32", "mixed_bfloat16"])
def test_its_gradient_is_what_a_tape_makes_of_the_operations(policy):
    layer = LayerNorm(dtype=policy)
    x = tf.cast(np.random.default_rng(0).normal(size=(2, 3, 5)) * 3 + 7, layer.compute_dtype)
    layer(x)
    layer.set_weights([np.arange(1.0, 6.0), np.ones(5)])

    def gradient(call, x):
        with tf.GradientTape() as tape:
            tape.watch(x)
            y = tf.reduce_sum(tf.sin(tf.cast(call(x), tf.float32)))
        return tape.gradient(y, [x, *layer.trainable_variables])

    expected = gradient(layer._operations, x)
    trained = lambda x: gradient(lambda x: layer(x, training=True), x)  # noqa: E731
    for run in (trained, tf.function(trained), tf.function(trained, jit_compile=True)):
        for a, b in zip(run(x), expected, strict=True):
            assert a.dtype == b.dtype
            tolerance = 1e-4 if policy == "float32" else 0.02
            a, b = (np.asarray(tf.cast(one, tf.float32)) for one in (a, b))
            np.testing.assert_allclose(a, b, rtol=tolerance, atol=tolerance * np.abs(b).max())


@with_onednn
def test_two_calls_at_once_are_safe_where_nothing_is_recognized():
    """oneDNN's batch norm keeps sizes of one call for the next (TensorFlow 2.15), so its kernel must not run."""
    layer = LayerNorm()
    x = tf.constant(np.random.default_rng(0).normal(size=(2, 4, 8)).astype(np.float32))
    expected = layer(x)
    before = tf.config.optimizer.get_experimental_options()
    context.context().enable_graph_collection()
    try:
        tf.config.optimizer.set_experimental_options({"disable_meta_optimizer": True})
        found = tf.function(layer)(x)
        told = context.context().export_run_metadata()
    finally:
        context.context().disable_graph_collection()
        tf.config.optimizer.set_experimental_options(
            before | {"disable_meta_optimizer": before.get("disable_meta_optimizer", False)}
        )
    kinds = {node.op for graph in told.partition_graphs for node in graph.node}
    assert {kind for kind in kinds if "Norm" in kind} == {"FusedBatchNormV3"}
    np.testing.assert_allclose(found, expected, atol=1e-5)


@with_onednn
@pytest.mark.parametrize("shape", [(2, 4, 8), (2, 3, 4, 8)])
def test_operations_where_no_kernel_would_be_found(shape):
    """In a loop, and for more than three axes; the batch norm alone takes four times as long as the operations."""
    layer = LayerNorm()
    x = tf.ones(shape)
    layer(x)
    step = lambda x: layer(tf.sin(x))  # noqa: E731
    loop = lambda x: tf.while_loop(lambda _: True, step, (x,), maximum_iterations=2)  # noqa: E731
    for run in (step, loop)[len(shape) == 3 :]:
        kinds = ops_that_run(run, x)
        assert kinds["Rsqrt"] and not kinds["FusedBatchNormV3"]


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


def test_converters_get_operations_that_every_runtime_has():
    layer = LayerNorm()
    x = tf.constant(np.random.default_rng(0).normal(size=[2, 3, 8]), tf.float32)
    layer(x)

    def ops(graph):
        return {operation.type for operation in graph.get_operations()}

    call = lambda x: layer(x)  # noqa: E731
    with for_converters():
        plain = tf.function(call, autograph=False).get_concrete_function(x)
    usual = tf.function(call, autograph=False).get_concrete_function(x)
    assert "FusedBatchNormV3" in ops(usual.graph) and "FusedBatchNormV3" not in ops(plain.graph)
    np.testing.assert_allclose(plain(x), usual(x), atol=1e-6)
