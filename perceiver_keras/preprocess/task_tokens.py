"""Text after a learned token that tells the model which task to solve (paper, section 4.1: "[CLS]")."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import tensorflow as tf
from tensorflow import keras

from perceiver_keras.layers.linear import register
from perceiver_keras.preprocess.text import TextPreprocess


@register
class TaskTokenPreprocess(TextPreprocess):
    """`TextPreprocess` with one learned element before the text: one for all tasks, or one per task.

    Embeddings and positions are named as in `TextPreprocess`, so the weights of a masked language model fit.

    Args:
        num_tokens: 0: no token; 1: one that all tasks share; more: one per task.

    Call: {"ids": [B, M], "head": [B], the task's number} -> [B, M, C], or with a token [B, 1 + M, C].
    """

    def __init__(self, *, num_tokens: int = 0, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.num_tokens = num_tokens

    def build(self, input_shape: Any) -> None:
        if self.num_tokens:
            self.tokens = self.add_weight(
                name="task_tokens",
                shape=(self.num_tokens, self.channels),
                initializer=keras.initializers.TruncatedNormal(stddev=self.init_scale),
            )
        super().build(input_shape)

    def call(self, inputs: Mapping[str, tf.Tensor], training: bool | None = None) -> tf.Tensor:
        text = super().call(inputs["ids"], training=training)
        if not self.num_tokens:
            return text
        head = inputs["head"] if self.num_tokens > 1 else tf.zeros_like(inputs["head"])
        token = tf.gather(tf.convert_to_tensor(self.tokens), head)
        return tf.concat([token[:, None], text], axis=1)

    def compute_output_shape(self, input_shape: Any) -> tf.TensorShape:
        batch, places = tf.TensorShape(input_shape["ids"])
        places = None if places is None else places + bool(self.num_tokens)
        return tf.TensorShape([batch, places, self.channels])

    def get_config(self) -> dict[str, Any]:
        return super().get_config() | {"num_tokens": self.num_tokens}
