"""A Linear on every decoded output."""

from __future__ import annotations

from typing import Any

import tensorflow as tf
from tensorflow import keras

from perceiver_keras.layers.linear import Linear, build_part, register


@register
class ProjectionPostprocess(keras.layers.Layer):
    """[B, O, E] -> [B, O, output_dim], float32.

    Args:
        output_dim: channels of each output.
    """

    def __init__(self, *, output_dim: int, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.output_dim = output_dim
        self.linear = Linear(output_dim, name="linear", dtype=self.dtype_policy)

    def build(self, input_shape: Any) -> None:
        build_part(self.linear, input_shape)
        super().build(input_shape)

    def call(self, outputs: tf.Tensor, inputs: Any = None, points: Any = None) -> tf.Tensor:
        return self.finish(tf.cast(self.linear(outputs), tf.float32), points)

    def finish(self, outputs: tf.Tensor, points: Any = None) -> tf.Tensor:
        """What follows the Linear, for all outputs or for those at the points: [B, O, output_dim]."""
        return outputs

    def get_config(self) -> dict[str, Any]:
        return super().get_config() | {"output_dim": self.output_dim}
