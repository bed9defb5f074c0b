"""The blocks against the formulas in docs/architecture.md (Blocks), restated in NumPy with float64."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.special import erf

from perceiver_keras.layers.blocks import CrossAttentionBlock, SelfAttentionBlock
from perceiver_keras.layers.linear import weights_by_path
from tests.checks import assert_close

RNG = np.random.default_rng(0)


def random(*shape):
    return RNG.normal(size=shape).astype(np.float32)


def randomised(layer):
    layer.set_weights([random(*w.shape) * 0.4 + 0.1 for w in layer.weights])
    return {
        path: weight.numpy().astype(np.float64) for path, weight in weights_by_path(layer).items()
    }


def norm(x, w, name):
    x = x - x.mean(-1, keepdims=True)
    return (
        x / np.sqrt((x**2).mean(-1, keepdims=True) + 1e-5) * w[f"{name}/scale"]
        + w[f"{name}/offset"]
    )


def linear(x, w, name):
    return x @ w[f"{name}/kernel"] + w[f"{name}/bias"]


def attention(q_in, kv_in, w, heads):
    q, k, v = (
        np.stack(np.split(linear(x, w, f"attention/{name}"), heads, -1), 1)
        for x, name in ((q_in, "query"), (kv_in, "key"), (kv_in, "value"))
    )
    logits = q @ k.swapaxes(-1, -2) / np.sqrt(q.shape[-1])
    p = np.exp(logits - logits.max(-1, keepdims=True))
    summed = p / p.sum(-1, keepdims=True) @ v
    return linear(np.concatenate(list(summed.swapaxes(0, 1)), -1), w, "attention/out")


def gelu_tanh(x):
    return 0.5 * x * (1 + np.tanh(np.sqrt(2 / np.pi) * (x + 0.044715 * x**3)))


def gelu(x):
    return 0.5 * x * (1 + erf(x / np.sqrt(2)))


def mlp(x, w, activation):
    return linear(activation(linear(norm(x, w, "mlp_norm"), w, "mlp/expand")), w, "mlp/contract")


@pytest.mark.parametrize(("name", "activation"), [("gelu_tanh", gelu_tanh), ("gelu", gelu)])
def test_self_attention_block(name, activation):
    x = random(2, 5, 8)
    layer = SelfAttentionBlock(num_heads=4, widening_factor=3, activation=name)
    layer(x)
    w = randomised(layer)
    normed = norm(x, w, "norm")
    expected = x + attention(normed, normed, w, 4)
    expected += mlp(expected, w, activation)
    assert_close(layer(x), expected)


@pytest.mark.parametrize("residual", [True, False])
@pytest.mark.parametrize("heads", [1, 2])
@pytest.mark.parametrize("shape_for_attention", ["kv", "q"])
def test_cross_attention_block(residual, heads, shape_for_attention):
    query, kv = random(2, 3, 8), random(2, 70, 6)
    layer = CrossAttentionBlock(
        num_heads=heads, use_query_residual=residual, shape_for_attention=shape_for_attention
    )
    layer((query, kv))
    w = randomised(layer)
    assert w["attention/key/kernel"].shape == (6, 6 if shape_for_attention == "kv" else 8)
    attended = attention(norm(query, w, "query_norm"), norm(kv, w, "key_value_norm"), w, heads)
    expected = query + attended if residual else attended
    expected = expected + mlp(expected, w, gelu_tanh)
    assert_close(layer((query, kv)), expected)


def test_explicit_sizes_override():
    layer = CrossAttentionBlock(num_heads=2, qk_dim=4, v_dim=10)
    layer((random(1, 3, 8), random(1, 5, 6)))
    shapes = {path: tuple(w.shape) for path, w in weights_by_path(layer).items()}
    assert shapes["attention/query/kernel"] == (8, 4)
    assert shapes["attention/value/kernel"] == (6, 10)
    assert shapes["attention/out/kernel"] == (10, 8)


def test_dropout_changes_training_only():
    x = random(2, 5, 8)
    layer = SelfAttentionBlock(num_heads=2, dropout=0.3, attention_dropout=0.3)
    first = layer(x)
    assert_close(layer(x, training=False), first)
    assert np.abs(layer(x, training=True) - first).max() > 1e-2
    names = [w.name for w in layer.non_trainable_weights]
    assert len(names) == 3, names  # attention's, the block's and the MLP's random states
