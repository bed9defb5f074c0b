"""Decoded outputs, one per entity, to what a policy needs (paper, section 4.4)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import tensorflow as tf
from tensorflow import keras

from perceiver_keras.layers.linear import Linear, build_part, register


@register
class EntitiesPostprocess(keras.layers.Layer):
    """An embedding per entity, one of all entities, a pointer to one of them, and who is winning.

    As in AlphaStar, the embedding of all is the mean over the real entities, then a Linear and ReLU.

    Args:
        pooled_dim: channels of the embedding of all entities.

    Call: outputs [B, M, E] and inputs {"mask": [B, M]} (true for real entities; default: all) -> float32
        "embeddings" [B, M, E] (0 where there is no entity), "pooled" [B, pooled_dim], "pointer" [B, M]
        (probabilities over the real entities) and "winning" [B] (a logit).
    """

    def __init__(self, *, pooled_dim: int, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.pooled_dim = pooled_dim
        shared = {"dtype": self.dtype_policy}
        self.pool = Linear(pooled_dim, name="pool", **shared)
        self.point = Linear(1, name="point", **shared)
        self.win = Linear(1, name="win", **shared)

    def build(self, input_shape: Any) -> None:
        build_part(self.pool, input_shape)
        build_part(self.point, input_shape)
        build_part(self.win, (None, self.pooled_dim))
        super().build(input_shape)

    def call(self, outputs: tf.Tensor, inputs: Any = None, points: Any = None) -> dict[str, Any]:
        mask = inputs.get("mask") if isinstance(inputs, Mapping) else None
        real = tf.ones(tf.shape(outputs)[:2]) if mask is None else tf.cast(mask, tf.float32)
        embeddings = outputs * tf.cast(real, outputs.dtype)[:, :, None]
        count = tf.maximum(tf.reduce_sum(real, axis=1, keepdims=True), 1.0)
        mean = tf.reduce_sum(tf.cast(embeddings, tf.float32), axis=1) / count
        pooled = tf.nn.relu(self.pool(tf.cast(mean, outputs.dtype)))
        scores = tf.cast(self.point(outputs)[..., 0], tf.float32) - 1e9 * (1.0 - real)
        return {
            "embeddings": tf.cast(embeddings, tf.float32),
            "pooled": tf.cast(pooled, tf.float32),
            "pointer": tf.nn.softmax(scores) * real,
            "winning": tf.cast(self.win(pooled)[..., 0], tf.float32),
        }

    def get_config(self) -> dict[str, Any]:
        return super().get_config() | {"pooled_dim": self.pooled_dim}
