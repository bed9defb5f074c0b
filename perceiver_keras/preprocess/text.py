"""Token ids to [B, M, C]: embeddings plus learned positions (docs/architecture.md, Preprocess).

The id of a byte of UTF-8 is its value + 6, after PAD 0, BOS 1, EOS 2, MASK 3, CLS 4, SEP 5: 262 ids in all.
"""

from __future__ import annotations

from typing import Any

import tensorflow as tf
from tensorflow import keras

from perceiver_keras.layers.linear import build_part, register
from perceiver_keras.layers.position import LearnedPositionEncoding


@register
class TextPreprocess(keras.layers.Layer):
    """The embedding of each id plus that of its place; a shorter text uses the first places.

    The official code initialises embeddings with Haiku's default deviation, 1. With tied output
    embeddings this makes the first losses large, hence 0.02 here.

    Args:
        vocabulary: number of ids.
        length: number of places.
        channels: channels of the embeddings.
        init_scale: standard deviation of both arrays' truncated normal initialiser.

    Call: ids [B, M], M up to `length` -> [B, M, channels].
    """

    def __init__(
        self,
        *,
        vocabulary: int = 262,
        length: int,
        channels: int,
        init_scale: float = 0.02,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.vocabulary = vocabulary
        self.length = length
        self.channels = channels
        self.init_scale = init_scale
        self.position = LearnedPositionEncoding(
            channels=channels, init_scale=init_scale, name="position", dtype=self.dtype_policy
        )

    def build(self, input_shape: Any) -> None:
        self.embeddings = self.add_weight(
            name="embeddings",
            shape=(self.vocabulary, self.channels),
            initializer=keras.initializers.TruncatedNormal(stddev=self.init_scale),
        )
        build_part(self.position, (None, self.length, self.channels))
        super().build(input_shape)

    def compute_output_shape(self, input_shape: Any) -> tf.TensorShape:
        return tf.TensorShape(input_shape).concatenate([self.channels])

    def call(self, ids: tf.Tensor, training: bool | None = None) -> tf.Tensor:
        embedded = tf.gather(self.embeddings, tf.cast(ids, tf.int32))
        return embedded + self.position(embedded)[None]

    def get_config(self) -> dict[str, Any]:
        return super().get_config() | {
            "vocabulary": self.vocabulary,
            "length": self.length,
            "channels": self.channels,
            "init_scale": self.init_scale,
        }
