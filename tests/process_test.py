from __future__ import annotations

import numpy as np
import pytest
import tensorflow as tf

from perceiver_keras.config import ProcessConfig
from perceiver_keras.layers.recompute import recomputing
from perceiver_keras.process import Process
from tests.checks import assert_close, ops_that_run, with_onednn

LATENTS = np.random.default_rng(0).normal(size=(2, 4, 8)).astype(np.float32)


def process(blocks: int, **kwargs) -> Process:
    return Process(
        ProcessConfig(
            num_self_attention_layers=2, num_self_attention_heads=2, num_blocks=blocks, **kwargs
        )
    )


def test_blocks_share_weights_and_repeat():
    """Three blocks are one block applied three times."""
    one, three = process(1), process(3)
    one(LATENTS), three(LATENTS)
    assert len(one.weights) == len(three.weights)
    three.set_weights(one.get_weights())
    assert_close(three(LATENTS), one(one(one(LATENTS))))


@pytest.mark.parametrize("jit", [False, True], ids=["graph", "xla"])
def test_the_loop_of_a_graph_has_the_gradients_of_the_repetition(jit):
    layer = process(3)
    layer(LATENTS)

    def gradients():
        with tf.GradientTape() as tape:
            loss = tf.reduce_sum(tf.sin(layer(LATENTS, training=True)))
        return tape.gradient(loss, layer.trainable_weights)

    repeated = gradients()
    looped = tf.function(gradients, jit_compile=jit)
    scale = max(np.abs(g).max() for g in repeated)  # those of key biases are zero but for rounding
    for one, other in zip(repeated, looped(), strict=True):
        np.testing.assert_allclose(other, one, atol=1e-5 * scale)
    operations = looped.get_concrete_function().graph.as_graph_def().node
    assert any(node.op in ("While", "StatelessWhile") for node in operations)


def test_attention_maps_in_the_order_passed():
    layer = process(3)
    outputs, maps = layer(LATENTS, return_attention=True)
    assert_close(outputs, layer(LATENTS))
    assert [m.shape for m in maps] == [(2, 2, 4, 4)] * 6
    for weights in maps:
        np.testing.assert_allclose(tf.reduce_sum(weights, -1), 1.0, rtol=1e-5)


def test_dropout_in_the_loop_draws_anew():
    layer = process(3, dropout=0.5)
    layer(LATENTS)
    function = tf.function(lambda: layer(LATENTS, training=True))
    assert np.abs(function() - function()).max() > 1e-3
    counts = [int(w[1]) for w in layer.non_trainable_weights]
    assert counts == [6] * len(counts)  # two calls of three blocks


@pytest.mark.parametrize("jit", [False, True], ids=["graph", "xla"])
@pytest.mark.parametrize("blocks", [1, 2])
def test_recomputing_changes_no_gradient(blocks, jit):
    layer = process(blocks, dropout=0.3, attention_dropout=0.3)
    layer(LATENTS)
    states = layer.non_trainable_weights
    start = [tf.identity(state) for state in states]

    def gradients(on: bool):
        for state, value in zip(states, start, strict=True):
            state.assign(value)

        @tf.function(jit_compile=jit)
        def run(latents):
            with tf.GradientTape() as tape, recomputing(on):
                tape.watch(latents)
                loss = tf.reduce_sum(tf.sin(layer(latents, training=True)))
            return tape.gradient(loss, [latents, *layer.trainable_weights])

        return run(tf.constant(LATENTS))

    expected, found = gradients(False), gradients(True)
    assert {int(state[1]) for state in states} == {blocks}
    scale = max(np.abs(g).max() for g in expected)
    for one, other in zip(expected, found, strict=True):
        # Twenty roundings of float32: another TensorFlow fuses other operations.
        np.testing.assert_allclose(other, one, rtol=0, atol=2.4e-6 * scale)


def test_the_layers_are_a_loop_only_where_xla_compiles_a_training_step():
    layer = process(1)

    def loops(training: bool, jit: bool) -> bool:
        run = tf.function(lambda x: layer(x, training=training), jit_compile=jit)
        nodes = run.get_concrete_function(tf.constant(LATENTS)).graph.as_graph_def().node
        return any(node.op in ("While", "StatelessWhile") for node in nodes)

    modes = [(training, jit) for training in (False, True) for jit in (False, True)]
    assert [mode for mode in modes if loops(*mode)] == [(True, True)]


@with_onednn
def test_the_passes_of_a_graph_for_inference_are_one_fused_function():
    """TensorFlow's optimizers do not fuse in the body of a loop, but in a function that is called there."""
    layer = process(3)
    layer(LATENTS)
    run = tf.function(lambda x: layer(x, training=False))
    graph = run.get_concrete_function(tf.constant(LATENTS)).graph.as_graph_def()
    alone = [f for f in graph.library.function if f.attr["_noinline"].b]
    assert len(alone) == 1 and not any(n.op == "ReadVariableOp" for n in alone[0].node_def)
    kinds = ops_that_run(layer._block(training=False), tf.constant(LATENTS))
    assert kinds["_MklLayerNorm"] == 2 * 2 and not kinds["Tanh"]
