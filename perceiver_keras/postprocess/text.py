"""Decoded outputs to logits over the vocabulary (docs/architecture.md, Decode and postprocess)."""

from __future__ import annotations

from typing import Any

import tensorflow as tf
from tensorflow import keras

from perceiver_keras.layers.chunked import axis_size
from perceiver_keras.layers.linear import build_part, register


@register
class TextPostprocess(keras.layers.Layer):
    """output·embeddingsᵀ + bias: the output layer is tied to the model's input embeddings.

    Args:
        embedding: the model's `TextPreprocess`, whose `embeddings` [V, C] are shared.

    Call: [B, O, C] -> logits [B, O, V], float32.
    """

    def __init__(self, *, embedding: keras.layers.Layer | dict[str, Any], **kwargs: Any) -> None:
        super().__init__(**kwargs)
        if isinstance(embedding, dict):
            embedding = keras.saving.deserialize_keras_object(embedding)
        self.embedding = embedding

    def build(self, input_shape: Any) -> None:
        build_part(self.embedding, (None, None))
        self.bias = self.add_weight(
            name="bias", shape=(self.embedding.vocabulary,), initializer="zeros"
        )
        super().build(input_shape)

    def call(self, outputs: tf.Tensor, inputs: Any = None, points: Any = None) -> tf.Tensor:
        table = tf.cast(self.embedding.embeddings, self.compute_dtype)
        flat = tf.reshape(outputs, [-1, outputs.shape[-1]])
        logits = tf.matmul(flat, table, transpose_b=True) + self.bias
        shape = [axis_size(outputs, axis) for axis in range(outputs.shape.rank - 1)]
        return tf.cast(tf.reshape(logits, [*shape, table.shape[0]]), tf.float32)

    def get_config(self) -> dict[str, Any]:
        embedding = keras.saving.serialize_keras_object(self.embedding)
        return super().get_config() | {"embedding": embedding}
