"""A model of one layer with a signature that has everything a runtime can't have, and the small classifier."""

from __future__ import annotations

import functools
from collections.abc import Callable

import numpy as np
import tensorflow as tf
from tensorflow import keras

from perceiver_keras.layers.chunked import chunked_over_keys, chunked_over_queries
from perceiver_keras.layers.xla import for_converters
from perceiver_keras.runtimes.graph import Signature
from tests import tiny_task as tiny


class OneLayer(tiny.TinyModel):
    """`tiny_task`'s model, which also says what it takes."""

    def symbolic_inputs(self):
        return {"pixels": keras.Input([4, 4, 3], name="pixels")}


def respond(inputs, outputs, config, labels):
    """Numbers, names, an array whose size depends on the values, an output with an input's name, and a check."""
    with tf.control_dependencies([tf.debugging.assert_less(outputs, 1e6)]):
        probabilities = tf.nn.softmax(outputs)
    return {
        "probabilities": probabilities,
        "label": tf.gather(tf.constant(tiny.LABELS), tf.argmax(outputs, -1)),
        "bright": tf.reshape(tf.where(inputs["pixels"] > 0.5), [tf.shape(outputs)[0], -1]),
        "pixels": inputs["pixels"] * 2.0,
        "logits": outputs,
    }


def task(answer=respond):
    return tiny.with_fields("serving", respond=answer)


@functools.cache
def one_layer() -> OneLayer:
    """A model whose batch norm has seen data."""
    keras.utils.set_random_seed(0)
    model = OneLayer()
    for seed in range(3):
        model({"pixels": tf.random.stateless_uniform([16, 4, 4, 3], [seed, 1]) * 3}, training=True)
    return model


def pixels(count: int, seed: int = 0) -> dict[str, np.ndarray]:
    draw = np.random.default_rng(seed)
    return {"pixels": draw.uniform(0, 1, [count, 4, 4, 3]).astype(np.float32)}


def logits(request) -> np.ndarray:
    """What the model returns, in NumPy from its weights."""
    model = one_layer()
    flat = request["pixels"].reshape(-1, 48).astype(np.float64)
    gamma, beta, mean, variance = (w.numpy() for w in model.norm.weights)
    normal = (flat - mean) / np.sqrt(variance + model.norm.epsilon) * gamma + beta
    kernel, bias = (w.numpy() for w in model.head.weights)
    return normal @ kernel + bias


def in_chunks() -> tuple[Signature, Callable[[np.ndarray], np.ndarray]]:
    """Attention of 40 queries on 40 keys in chunks of 16, each way, as converters get it; and the same in NumPy."""

    def attend(x: tf.Tensor) -> dict[str, tf.Tensor]:
        heads = x[:, None]
        return {
            "keys": chunked_over_keys(heads, heads, heads, None, 16),
            "queries": chunked_over_queries(heads, heads, heads, None, 16),
        }

    def exact(x: np.ndarray) -> np.ndarray:
        logits = np.exp(x @ x.transpose(0, 2, 1))
        return (logits / logits.sum(-1, keepdims=True) @ x)[:, None]

    spec = tf.TensorSpec([None, 40, 4], name="x")
    with for_converters():
        traced = tf.function(attend, autograph=False).get_concrete_function(x=spec)
    return Signature(traced, {"x": spec}, "keys", {}), exact


@functools.cache
def classifier():
    """The tiny preset of digits, made smaller, with weights that are not those it starts with."""
    from perceiver_keras.tasks import registry

    keras.utils.set_random_seed(1)
    sizes = {"encode__num_latents": 3, "process__num_self_attention_layers": 1}
    model = registry.get("image_classification").model.from_preset("tiny", **sizes)
    draw = np.random.default_rng(2)
    for weight in model.weights:
        weight.assign_add(0.1 * draw.standard_normal(weight.shape).astype(np.float32))
    return model
