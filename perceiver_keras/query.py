"""Query: what is asked of the latents, one query per output (paper, section 3.2).

Every query layer is called as `query(array, inputs=..., points=...)`: the preprocessed array [B, M, C], the
model's raw inputs (for their sizes), and the subset of output points asked for (None: all).
It returns queries [B, O, Q].
"""

from __future__ import annotations

from typing import Any

import tensorflow as tf
from tensorflow import keras

from perceiver_keras.encode import broadcast_to_batch
from perceiver_keras.layers.linear import register


@register
class LearnedQuery(keras.layers.Layer):
    """A learned array of queries, the same for every example.

    Args:
        num_queries: outputs O.
        channels: query channels Q.
        init_scale: standard deviation of its truncated normal start.

    Call: array [B, M, C] (for its batch size alone) -> [B, O, Q]; `points` [P] selects some of the O.
    """

    def __init__(
        self, *, num_queries: int = 1, channels: int, init_scale: float = 0.02, **kwargs: Any
    ) -> None:
        super().__init__(**kwargs)
        self.num_queries = num_queries
        self.channels = channels
        self.init_scale = init_scale

    def build(self, input_shape: Any) -> None:
        self.embeddings = self.add_weight(
            name="embeddings",
            shape=(self.num_queries, self.channels),
            initializer=keras.initializers.TruncatedNormal(stddev=self.init_scale),
        )
        super().build(input_shape)

    def call(
        self, array: tf.Tensor, inputs: Any = None, points: tf.Tensor | None = None
    ) -> tf.Tensor:
        embeddings = tf.convert_to_tensor(self.embeddings)
        if points is not None:
            embeddings = tf.gather(embeddings, points)
        return broadcast_to_batch(embeddings, array)

    def get_config(self) -> dict[str, Any]:
        return super().get_config() | {
            "num_queries": self.num_queries,
            "channels": self.channels,
            "init_scale": self.init_scale,
        }
