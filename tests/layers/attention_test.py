"""Attention against a plain float64 restatement in NumPy."""

from __future__ import annotations

import numpy as np
import pytest
import tensorflow as tf

from perceiver_keras.layers.attention import Attention, attend, plan
from tests.checks import assert_close


def numpy_attention(query_in, kv_in, weights, heads, seen=None):
    """The formula in docs/architecture.md (Attention), one head at a time, in float64; `seen` [B, O, M]."""
    wq, bq, wk, bk, wv, bv, wo, bo = (np.asarray(w, np.float64) for w in weights)
    q, k, v = query_in @ wq + bq, kv_in @ wk + bk, kv_in @ wv + bv
    joined = []
    for q_h, k_h, v_h in zip(*(np.split(x, heads, axis=-1) for x in (q, k, v)), strict=True):
        logits = q_h @ k_h.transpose(0, 2, 1) / np.sqrt(q_h.shape[-1])
        if seen is not None:
            logits = np.where(seen, logits, -1e30)
        logits -= logits.max(-1, keepdims=True)
        p = np.exp(logits)
        summed = p / p.sum(-1, keepdims=True) @ v_h
        if seen is not None:
            summed *= seen.any(-1, keepdims=True)
        joined.append(summed)
    return np.concatenate(joined, -1) @ wo + bo


def random(*shape, seed=0):
    return np.random.default_rng([seed, *shape]).normal(size=shape).astype(np.float32)


def randomised(layer, seed=0):
    """Random biases too, which start at zero and would hide an error."""
    layer.set_weights([random(*w.shape, seed=seed) * 0.4 for w in layer.weights])
    return layer


@pytest.mark.parametrize("heads", [1, 3])
@pytest.mark.parametrize("sizes", [(4, 9), (9, 4), (1, 50), (50, 1), (5, 5)], ids=str)
@pytest.mark.parametrize("memory_mb", [256, 0], ids=["dense", "chunked"])
def test_equals_numpy(heads, sizes, memory_mb):
    queries, keys = sizes
    query_in, kv_in = random(2, queries, 6), random(2, keys, 7)
    layer = Attention(num_heads=heads, qk_dim=9, v_dim=12, output_dim=5, memory_mb=memory_mb)
    layer((query_in, kv_in))
    randomised(layer)
    expected = numpy_attention(query_in, kv_in, layer.get_weights(), heads)
    assert_close(layer((query_in, kv_in)), expected)


@pytest.mark.parametrize("heads", [1, 3])
@pytest.mark.parametrize("sizes", [(4, 40), (40, 4)], ids=str)
@pytest.mark.parametrize("memory_mb", [256, 0], ids=["dense", "chunked"])
def test_masks_equal_numpy(heads, sizes, memory_mb):
    queries, keys = sizes
    rng = np.random.default_rng(1)
    query_in, kv_in = random(3, queries, 6), random(3, keys, 7)
    key_mask = rng.random((3, keys)) < 0.5
    key_mask[1] = False  # this example has no key at all
    query_mask = rng.random((3, queries)) < 0.7
    pairs = rng.random((3, queries, keys)) < 0.5
    pairs[2, 0] = False  # this query sees no key
    layer = Attention(num_heads=heads, qk_dim=9, v_dim=12, output_dim=5, memory_mb=memory_mb)
    layer((query_in, kv_in))
    randomised(layer)
    seen = key_mask[:, None, :] & query_mask[:, :, None] & pairs
    expected = numpy_attention(query_in, kv_in, layer.get_weights(), heads, seen)
    outputs = layer(
        (query_in, kv_in), key_mask=key_mask, query_mask=query_mask, attention_mask=pairs
    )
    assert_close(outputs, expected)
    bias = layer.get_weights()[-1]
    np.testing.assert_allclose(outputs[1], np.tile(bias, (queries, 1)), rtol=1e-6)


def test_absorbed_forms_are_chosen_and_named():
    """With one head the longer side's maps are absorbed, with several heads they are not."""
    few, many = random(1, 4, 16), random(1, 500, 16)

    def form(queries, keys, heads=1):
        layer = Attention(num_heads=heads)
        layer((queries, keys))
        return layer.memory_of(tf.constant(keys), queries.shape[1]).absorbed

    assert form(few, many) == "keys"
    assert form(many, few) == "queries"
    assert form(few, many, heads=2) == ""


@pytest.mark.parametrize("sizes", [(4, 120), (120, 4)], ids=str)
def test_absorbed_gradients_equal_projected(sizes, monkeypatch):
    query_in, kv_in = (tf.constant(random(2, size, 6)) for size in sizes)
    layer = Attention(qk_dim=8, v_dim=10, output_dim=5)
    layer((query_in, kv_in))
    randomised(layer)

    def gradients():
        with tf.GradientTape() as tape:
            tape.watch([query_in, kv_in])
            loss = tf.reduce_sum(tf.sin(layer((query_in, kv_in))))
        return tape.gradient(loss, [query_in, kv_in, *layer.trainable_weights])

    absorbed = gradients()
    monkeypatch.setattr(layer, "_cheaper", lambda *_: "")
    projected = gradients()
    scale = max(np.abs(g).max() for g in projected)
    names = ["query", "kv", *(w.name for w in layer.weights)]
    for a, p, name in zip(absorbed, projected, names, strict=True):
        np.testing.assert_allclose(a, p, atol=1e-5 * scale, err_msg=name)


def test_weights_sum_to_one_and_masked_ones_are_zero():
    query_in, kv_in = random(2, 3, 4), random(2, 5, 4)
    mask = np.array([[1, 1, 0, 0, 1], [0, 0, 0, 0, 0]], bool)
    layer = Attention(num_heads=2)
    outputs, weights = layer((query_in, kv_in), key_mask=mask, return_attention=True)
    assert weights.shape == (2, 2, 3, 5)
    np.testing.assert_allclose(tf.reduce_sum(weights[0], -1), 1.0, rtol=1e-6)
    assert not weights[0].numpy()[..., [2, 3]].any()
    assert not weights[1].numpy().any()
    assert_close(layer((query_in, kv_in), key_mask=mask), outputs)


def test_heads_that_do_not_divide_are_refused():
    with pytest.raises(ValueError, match="qk_dim 10 can't be split evenly into 3 heads"):
        Attention(num_heads=3, qk_dim=10)((random(1, 2, 4), random(1, 2, 4)))


def test_attention_dropout_only_in_training():
    inputs = (random(1, 4, 8), random(1, 400, 8))
    layer = Attention(dropout=0.5)
    plain = layer(inputs)
    assert_close(layer(inputs, training=False), plain)
    dropped = [layer(inputs, training=True) for _ in range(2)]
    assert np.abs(dropped[0] - plain).max() > 1e-3
    assert np.abs(dropped[0] - dropped[1]).max() > 1e-3


# === The plan ===


@pytest.mark.parametrize(
    ("sizes", "expected"),
    [
        ((1, 1, 10, 10), ("dense", 0)),
        ((1, 1, 2048, 182_528), ("keys", 32_768)),  # 256 MB = 2048 × 32768 × 4 bytes
        ((1, 1, 182_528, 2048), ("queries", 32_768)),
        ((2, 4, 2048, 182_528), ("keys", 4096)),
        ((None, 1, 2048, 182_528), ("keys", 32_768)),
        ((1, 1, 2048, None), ("keys", 32_768)),
        ((1, 1, None, 2048), ("queries", 32_768)),
        ((1, 1, None, None), ("dense", 0)),
        ((1, 1, 10**9, 10**9), ("queries", 1)),
    ],
    ids=str,
)
def test_plan(sizes, expected):
    assert plan(*sizes, memory_mb=256) == expected


@pytest.mark.parametrize(
    ("sizes", "expected"),
    [
        ((1, 1, 2048, 182_528), ("queries", 256)),  # flow's encoder: 187 MB of logits at once
        ((1, 1, 2048, 524_288), ("keys", 32_768)),  # 256 queries would not fit
        ((1, 16, 2048, 2048), ("queries", 512)),
        ((1, 8, 256, 2048), ("dense", 0)),
        ((1, 1, None, 2048), ("queries", 8192)),
        ((1, 1, 2048, None), ("keys", 32_768)),
    ],
    ids=str,
)
def test_plan_of_inference(sizes, expected):
    assert plan(*sizes, memory_mb=256, inference=True) == expected


@pytest.mark.parametrize("jit", [False, True], ids=["graph", "xla"])
def test_each_weight_in_bfloat16_is_exact_but_for_its_rounding(jit):
    """XLA's softmax of bfloat16, or TensorFlow's own, would have small weights 7 % off."""
    rng = np.random.default_rng(0)
    query, key = (tf.cast(rng.normal(size=(1, 1, n, 16)), tf.bfloat16) for n in (32, 64))
    value = tf.eye(64, batch_shape=[1, 1], dtype=tf.bfloat16)
    run = tf.function(lambda *x: attend(*x, inference=True)[0], jit_compile=jit)
    logits = np.asarray(tf.matmul(query, key, transpose_b=True), np.float64)
    weights = np.exp(logits - logits.max(-1, keepdims=True))
    expected = weights / weights.sum(-1, keepdims=True)
    np.testing.assert_allclose(np.float64(run(query, key, value)), expected, rtol=0.015)
