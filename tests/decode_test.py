"""Decode: in chunks, masked, with maps, and as flow starts."""

from __future__ import annotations

import numpy as np
import pytest
import tensorflow as tf

from perceiver_keras.config import DecodeConfig
from perceiver_keras.decode import Decode
from perceiver_keras.layers.linear import Linear
from perceiver_keras.layers.recompute import recomputing
from tests.checks import assert_close


def random(*shape):
    return np.random.default_rng(sum(shape)).normal(size=shape).astype(np.float32)


QUERIES, LATENTS = random(2, 3000, 6), random(2, 5, 8)


def decoders(**kwargs) -> list[Decode]:
    """Two decoders with the same weights: one has memory for all queries, the other for a part of them."""
    config = DecodeConfig(output_dim=3, **kwargs)
    layers = [Decode(config, attention_memory_mb=mb) for mb in (256, 1)]
    for layer in layers:
        layer((QUERIES, LATENTS))
        layer.set_weights([random(*w.shape) * 0.3 for w in layers[0].weights])
    assert layers[0].chunk(QUERIES.shape, LATENTS.shape[1]) is None
    assert layers[1].chunk(QUERIES.shape, LATENTS.shape[1]) < 3000
    return layers


@pytest.mark.parametrize("heads", [1, 2])
@pytest.mark.parametrize("masked", [False, True])
def test_chunks_give_the_same_outputs(heads, masked):
    whole, chunked = decoders(num_cross_attention_heads=heads)
    mask = np.random.default_rng(0).random((2, 3000)) < 0.5 if masked else None
    expected = whole((QUERIES, LATENTS), query_mask=mask)
    assert_close(chunked((QUERIES, LATENTS), query_mask=mask), expected)
    assert_close(tf.function(chunked)((QUERIES, LATENTS), query_mask=mask), expected)


def test_chunks_with_unknown_sizes():
    whole, chunked = decoders()
    signature = [(tf.TensorSpec((None, None, 6)), tf.TensorSpec((None, 5, 8)))]
    for jit in (False, True):
        function = tf.function(chunked, input_signature=signature, jit_compile=jit)
        assert_close(function((QUERIES, LATENTS)), whole((QUERIES, LATENTS)))
        assert_close(function((QUERIES[:, :7], LATENTS)), whole((QUERIES[:, :7], LATENTS)))


def test_gradients_are_the_same():
    def gradients(layer):
        with tf.GradientTape() as tape:
            loss = tf.reduce_sum(tf.sin(layer((QUERIES, LATENTS), training=True)))
        return tape.gradient(loss, layer.trainable_weights)

    whole, chunked = decoders()
    assert_close(gradients(chunked), gradients(whole))


@pytest.mark.parametrize("jit", [False, True], ids=["graph", "xla"])
@pytest.mark.parametrize("heads", [1, 2])
def test_recomputing_in_chunks_changes_no_gradient(heads, jit):
    """Of queries and latents too; a chunk's intermediates are computed again when its gradient is asked for."""
    mask = np.random.default_rng(0).random((2, 3000)) < 0.5
    chunked = decoders(num_cross_attention_heads=heads)[1]

    def gradients(on: bool):
        @tf.function(jit_compile=jit)
        def run(queries, latents):
            with tf.GradientTape() as tape, recomputing(on):
                tape.watch((queries, latents))
                y = chunked((queries, latents), query_mask=mask, training=True)
                loss = tf.reduce_mean(tf.square(y))
            return y, *tape.gradient(loss, [queries, latents, *chunked.trainable_weights])

        return run(*map(tf.constant, (QUERIES, LATENTS)))

    for found, expected in zip(gradients(True), gradients(False), strict=True):
        # Those of weights are sums over 6000 queries, in another order.
        atol = 5e-5 * np.abs(expected).max() + 1e-7
        np.testing.assert_allclose(found, expected, rtol=0, atol=atol)


def test_a_masked_query_sees_nothing():
    """Its output is the same whatever the latents are."""
    layer = decoders()[0]
    mask = np.ones((2, 3000), bool)
    mask[:, 7] = False
    first = layer((QUERIES, LATENTS), query_mask=mask)
    second = layer((QUERIES, LATENTS * 2), query_mask=mask)
    np.testing.assert_array_equal(first[:, 7], second[:, 7])
    assert (first[:, 8] != second[:, 8]).numpy().any()


def test_attention_map():
    layer = decoders(num_cross_attention_heads=2)[1]
    outputs, weights = layer((QUERIES, LATENTS), return_attention=True)
    assert weights.shape == (2, 2, 3000, 5)
    assert_close(outputs, layer((QUERIES, LATENTS)))


def test_without_a_final_linear():
    assert Decode(DecodeConfig())((QUERIES, LATENTS)).shape == (2, 3000, 6)


def test_the_head_of_flow_starts_at_zero():
    outputs = Decode(DecodeConfig(output_dim=2, zero_init=True))((QUERIES, LATENTS))
    assert not outputs.numpy().any()


PADDING = random(1, 4)


@pytest.mark.parametrize("dtype", ["float32", "mixed_bfloat16"])
@pytest.mark.parametrize("residual", [False, True])
@pytest.mark.parametrize("heads", [1, 2])
def test_a_padding_and_a_linear_after_it_are_folded_in(heads, residual, dtype):
    """As padded queries, the whole stage, and the Linear, one after the other; eagerly, in a graph and under XLA."""
    config = DecodeConfig(
        output_dim=5, num_cross_attention_heads=heads, use_query_residual=residual, qk_dim=8
    )
    stage, after = Decode(config, dtype=dtype), Linear(2, dtype=dtype)
    padded = tf.concat([QUERIES, tf.broadcast_to(PADDING, [2, 3000, 4])], -1)
    after(stage((padded, LATENTS)))
    for layer in (stage, after):
        layer.set_weights([random(*w.shape) * 0.3 for w in layer.weights])
    expected = after(stage((padded, LATENTS)))
    latents, queries, padding = (
        tf.cast(array, stage.compute_dtype) for array in (LATENTS, QUERIES, PADDING)
    )

    def run(queries, latents):
        memory = stage.memory_of(latents, queries.shape[1], then=after, padding=padding)
        folded.append(memory)
        return stage.query_memory(queries, memory)

    for form in (run, tf.function(run), tf.function(run, jit_compile=True)):
        folded = []
        found = form(queries, latents)
        assert found.shape == (2, 3000, 2)
        assert_close(
            *(tf.cast(a, tf.float32) for a in (found, expected)),
            1e-4 if dtype == "float32" else 0.1,
        )
    assert folded[0].folded is not None


def test_pads_in_few_channels_only_where_that_is_exact():
    """One head, no residual, float32 products: otherwise the queries are padded."""

    def absorbed(dtype="float32", **kwargs):
        stage = Decode(DecodeConfig(output_dim=5, qk_dim=8, **kwargs), dtype=dtype)
        stage((tf.zeros([1, 3000, 10]), tf.zeros([1, 5, 8])))
        return lambda: (
            stage.memory_of(
                tf.zeros([1, 5, 8], stage.compute_dtype), 3000, padding=tf.constant(PADDING)
            ).attention.absorbed
        )

    assert absorbed()() == "padded queries"
    assert absorbed(use_query_residual=True)() == "queries"
    assert absorbed(num_cross_attention_heads=2)() == ""
    assert absorbed(dtype="mixed_bfloat16")() == "queries"
    seen = []
    under_xla = absorbed()
    tf.function(lambda: seen.append(under_xla()), jit_compile=True, autograph=False)()
    assert seen == ["queries"]


def test_training_folds_nothing():
    stage = decoders()[0]
    assert stage.memory_of(tf.constant(LATENTS), 3000).folded is not None
    assert stage.memory_of(tf.constant(LATENTS), 3000, training=True).folded is None
