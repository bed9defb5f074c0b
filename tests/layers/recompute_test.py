"""Layers that are computed again, against the same layers that keep everything."""

from __future__ import annotations

import numpy as np
import pytest
import tensorflow as tf
from tensorflow import keras

from perceiver_keras.layers.blocks import SelfAttentionBlock
from perceiver_keras.layers.linear import build_part
from perceiver_keras.layers.recompute import keeping_inputs, recomputes, recomputing
from tests.checks import ops_that_run

X = np.random.default_rng(0).normal(size=(2, 4, 8)).astype(np.float32)
MASK = np.array([[1, 1, 1, 0], [1, 1, 1, 1]], bool)


class Blocks(keras.layers.Layer):
    """Two blocks, one after the other, each of which is computed again inside `recomputing`."""

    def __init__(self, dropout: float = 0.0, **kwargs):
        super().__init__(**kwargs)
        keras.utils.set_random_seed(0)
        rates = {"dropout": dropout, "attention_dropout": dropout}
        self.blocks = [
            SelfAttentionBlock(num_heads=2, name=f"block_{i}", dtype=self.dtype_policy, **rates)
            for i in range(2)
        ]
        self.calls = 0
        for block in self.blocks:
            build_part(block, X.shape)

    def call(self, x):
        for block in self.blocks:
            x = keeping_inputs(self.one, block, x) if recomputes() else self.one(block, x)
        return x

    def one(self, block, x):
        self.calls += 1
        return block(x, key_mask=tf.constant(MASK), training=True)


def gradients(layer: Blocks, on: bool, xla: bool = False):
    """A graph: x -> the output and the gradients, of the input and of the trainable weights."""

    def run(x):
        with tf.GradientTape() as tape:
            tape.watch(x)
            with recomputing(on):
                y = layer(x)
            loss = tf.reduce_sum(tf.sin(tf.cast(y, tf.float32)))
        return y, *tape.gradient(loss, [x, *layer.trainable_weights])

    return tf.function(run, jit_compile=xla, autograph=False)


def assert_same(found, expected, tolerance: float = 1e-6) -> None:
    """Of the largest value: the gradients of key biases are zero but for rounding."""
    found, expected = ([np.asarray(t, np.float32) for t in run] for run in (found, expected))
    scale = max(np.abs(t).max() for t in expected)
    for a, b in zip(found, expected, strict=True):
        np.testing.assert_allclose(a, b, rtol=0, atol=tolerance * scale)


@pytest.mark.parametrize("xla", [False, True], ids=["graph", "xla"])
def test_outputs_and_gradients_are_those_of_keeping_all(xla):
    """With dropout too: each block draws one mask per call, whether it is computed once or twice."""
    layer = Blocks(dropout=0.4)
    start = [tf.identity(state) for state in layer.non_trainable_weights]
    expected = gradients(layer, on=False, xla=xla)(X)
    counts = [int(state[1]) for state in layer.non_trainable_weights]
    for state, value in zip(layer.non_trainable_weights, start, strict=True):
        state.assign(value)
    before = layer.calls
    assert_same(gradients(layer, on=True, xla=xla)(X), expected)
    assert layer.calls - before == 4
    assert [int(state[1]) for state in layer.non_trainable_weights] == counts
    assert set(counts) == {1}


def test_mixed_precision():
    """Eagerly. In a graph oneDNN fuses operations, which then round to bfloat16 once less, and what is kept decides
    which it can fuse."""
    layer = Blocks(dtype="mixed_bfloat16")
    found, expected = (gradients(layer, on).python_function(tf.constant(X)) for on in (True, False))
    assert_same(found, expected)
    found = gradients(layer, True)(X)
    assert found[0].dtype == tf.bfloat16 and {g.dtype for g in found[2:]} == {tf.float32}


def test_what_runs_computes_each_layer_twice():
    """TensorFlow's graph optimizer merges equal operations; it must not merge these."""

    def softmaxes(on: bool) -> int:
        return ops_that_run(gradients(Blocks(), on), tf.constant(X))["Softmax"]

    assert (softmaxes(False), softmaxes(True)) == (2, 4)


def test_xla_does_not_merge_them_either():
    def exponentials(on: bool) -> int:
        text = gradients(Blocks(), on, xla=True).experimental_get_compiler_ir(tf.constant(X))(
            stage="optimized_hlo"
        )
        return text.count(" exponential(")

    assert exponentials(True) > exponentials(False)


def test_what_is_not_asked_for_is_not_done():
    assert not recomputes()
    with recomputing():
        assert recomputes()
        with recomputing(False):
            assert not recomputes()
    assert not recomputes()
