"""Attention in chunks equals the dense form: values, gradients, in graphs, and in bfloat16."""

from __future__ import annotations

import numpy as np
import pytest
import tensorflow as tf
from hypothesis import given, settings
from hypothesis import strategies as st

from perceiver_keras.layers import chunked
from perceiver_keras.layers.attention import attend
from perceiver_keras.layers.chunked import (
    MASKED,
    chunked_over_keys,
    chunked_over_queries,
    dense_attention,
    map_chunks,
)
from perceiver_keras.layers.xla import for_converters
from tests.checks import assert_close


def random(*shape, seed=0):
    return np.random.default_rng([seed, *shape]).normal(size=shape).astype(np.float32)


@st.composite
def problems(draw):
    batch, heads = draw(st.integers(1, 2)), draw(st.integers(1, 2))
    queries, keys = draw(st.integers(1, 9)), draw(st.integers(1, 9))
    form = draw(st.sampled_from(["queries", "keys"]))
    chunk = draw(st.integers(1, 11))
    bias = draw(st.sampled_from(["none", "keys", "pairs", "heads"]))
    return batch, heads, queries, keys, form, chunk, bias, draw(st.integers(0, 999))


def bias_of(kind, batch, heads, queries, keys, rng):
    shape = {
        "keys": (batch, 1, 1, keys),
        "pairs": (batch, 1, queries, keys),
        "heads": (batch, heads, 1, keys),
    }[kind]
    values = rng.normal(size=shape)
    if kind != "heads":
        values = np.where(rng.random(shape) < 0.4, MASKED, values)
        values[..., :1] = 0.0  # each row sees a key; `attend` zeroes rows that see none
    return tf.constant(values, tf.float32)


@settings(max_examples=60, deadline=None)
@given(problems())
def test_chunked_equals_dense(problem):
    batch, heads, queries, keys, form, chunk, kind, seed = problem
    rng = np.random.default_rng(seed)
    q, k, v, up = (
        tf.constant(rng.normal(size=(batch, heads, length, width)), tf.float32)
        for length, width in ((queries, 4), (keys, 4), (keys, 3), (queries, 3))
    )
    bias = None if kind == "none" else bias_of(kind, batch, heads, queries, keys, rng)
    sources = [q, k, v] + ([] if bias is None else [bias])
    function = chunked_over_queries if form == "queries" else chunked_over_keys
    results = []
    for attention in (dense_attention, lambda *args: function(*args, chunk)):
        with tf.GradientTape() as tape:
            tape.watch(sources)
            output = attention(q, k, v, bias)
        results.append([output, *tape.gradient(output, sources, up)])
    for dense, cut in zip(*results, strict=True):
        assert dense.shape == cut.shape
        np.testing.assert_allclose(cut, dense, atol=5e-6)


@pytest.mark.parametrize("jit", [False, True], ids=["graph", "xla"])
@pytest.mark.parametrize("sizes", [(3, 40), (40, 3)], ids=str)
@pytest.mark.parametrize("dynamic", [False, True], ids=["static", "dynamic"])
def test_chunked_gradients_in_graphs(jit, sizes, dynamic):
    """Through `attend`, with a key mask, known and unknown sizes."""
    queries, keys = sizes
    q, k, v = random(2, 2, queries, 4), random(2, 2, keys, 4), random(2, 2, keys, 5)
    mask = np.random.default_rng(0).random((2, keys)) < 0.5
    mask[0], mask[1, :2] = False, True  # no key, and two at least

    def gradients(memory_mb):
        def run(q, k, v, mask):
            with tf.GradientTape() as tape:
                tape.watch([q, k, v])
                output, _ = attend(q, k, v, key_mask=mask, memory_mb=memory_mb)
                loss = tf.reduce_sum(tf.sin(output))
            return [output, *tape.gradient(loss, [q, k, v])]

        long_q, long_k = (None, keys) if queries > keys else (queries, None)
        shapes = [(2, 2, long_q, 4), (2, 2, long_k, 4), (2, 2, long_k, 5), (2, long_k)]
        signature = [tf.TensorSpec(s, tf.float32) for s in shapes[:3]]
        signature.append(tf.TensorSpec(shapes[3], tf.bool))
        function = tf.function(run, jit_compile=jit, input_signature=signature if dynamic else None)
        return function(*map(tf.constant, (q, k, v, mask)))

    # With an unknown size, the large budget means one chunk, which computes the same as the dense form.
    dense, cut = gradients(256), gradients(0)
    assert_close(cut, dense)
    assert not cut[0].numpy()[0].any()


@pytest.mark.parametrize("sizes", [(3, 40), (40, 3)], ids=str)
def test_chunked_in_bfloat16(sizes):
    """Sums over chunks stay float32, so chunks lose no more than the dense form does."""
    queries, keys = sizes
    arrays = random(2, 2, queries, 4), random(2, 2, keys, 4), random(2, 2, keys, 5)

    def gradients(dtype, memory_mb):
        sources = [tf.cast(a, dtype) for a in arrays]
        with tf.GradientTape() as tape:
            tape.watch(sources)
            output, _ = attend(*sources, memory_mb=memory_mb)
            loss = tf.reduce_sum(tf.sin(tf.cast(output, tf.float32)))
        found = [output, *tape.gradient(loss, sources)]
        assert all(f.dtype == dtype for f in found)
        return [tf.cast(f, tf.float32) for f in found]

    assert_close(gradients(tf.bfloat16, 0), gradients(tf.float32, 256), 0.03)


@settings(max_examples=20, deadline=None)
@given(total=st.integers(1, 9), chunk=st.integers(1, 11))
def test_map_chunks_calls_small_pieces_and_loses_nothing(total, chunk):
    first, second = random(2, total, 3), random(2, total)
    sizes = []

    def function(x, y):
        sizes.append(x.shape[1])
        return x * y[..., None] + 1.0

    found = map_chunks(function, (first, second), chunk)
    np.testing.assert_array_equal(found, first * second[..., None] + 1.0)
    assert set(sizes) == {min(chunk, total)}


@given(total=st.integers(1, 300_000), most=st.integers(1, 300_000))
def test_chunks_are_as_few_as_can_be_and_repeat_little(total, most):
    chunk, steps = chunked._cut(total, most)
    fewest = -(-total // min(most, total))
    assert chunk <= most and 0 <= steps - fewest <= 2
    assert 0 <= steps * chunk - total <= max(fewest * min(most, total) - total, 63)
    assert steps * chunk - total < min(64 * steps, chunk)


def test_chunks_of_a_size_known_when_it_runs_are_the_same():
    """Flow's 368 × 496 pixels: with the largest chunks a fourteenth of the work would be done twice."""
    assert chunked._cut(182_528, 32_768) == (30_464, 6)
    assert chunked._cut(2048, 358) == (256, 8)  # not 6 chunks, of which the last would repeat 100
    cut = tf.function(lambda total: chunked._cut(total, 32_768))
    assert [int(size) for size in cut(tf.constant(182_528))] == [30_464, 6]


def test_the_gradient_of_one_chunk_compiles_with_xla():
    """The loop over the other chunks would make no pass, which XLA refuses."""
    x = tf.constant(np.random.default_rng(0).normal(size=(2, 6, 3)), tf.float32)

    @tf.function(jit_compile=True)
    def gradient(x):
        with tf.GradientTape() as tape:
            tape.watch(x)
            y = tf.reduce_sum(map_chunks(lambda part: part**3, [x], 8))
        return tape.gradient(y, x)

    np.testing.assert_allclose(gradient(x), 3 * x**2, rtol=1e-5)


@pytest.mark.parametrize("sizes", [(70, 5), (5, 70)])
def test_converters_get_unrolled_loops_with_the_same_numbers(sizes):
    queries, keys = sizes
    draw = np.random.default_rng(1)
    query, key, value = (
        tf.constant(draw.normal(size=[2, 1, n, 4]), tf.float32) for n in (queries, keys, keys)
    )
    form = chunked_over_queries if queries > keys else chunked_over_keys

    def attention(q, k, v):
        return form(q, k, v, None, 16)

    def decoded(q, k, v):
        return map_chunks(lambda part: part * 2, [tf.squeeze(q, 1)], 16)

    specs = [tf.TensorSpec([None, *x.shape[1:]]) for x in (query, key, value)]
    for function in (attention, decoded):
        with for_converters():
            traced = tf.function(function, autograph=False).get_concrete_function(*specs)
        ops = {op.type for op in traced.graph.get_operations()}
        assert not {op for op in ops if "While" in op or "TensorList" in op or op == "EnsureShape"}
        assert_close(traced(query, key, value), function(query, key, value), 1e-6)
