"""Layer normalisation, always computed in float32."""

from __future__ import annotations

from typing import Any

import tensorflow as tf
from tensorflow import keras

from perceiver_keras.layers.linear import register


@register
class LayerNorm(keras.layers.Layer):
    """Normalises the last axis to mean 0 and variance 1, then applies scale and offset (epsilon 1e-5).

    In mixed precision the statistics, the scale and the offset stay float32: a bfloat16 variance
    would have two digits.

    Call: [..., C] -> [..., C], in the layer's compute dtype.
    """

    def __init__(self, *, epsilon: float = 1e-5, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.epsilon = epsilon

    def build(self, input_shape: Any) -> None:
        channels = tf.TensorShape(input_shape)[-1]
        self.scale = self.add_weight(
            name="scale", shape=(channels,), initializer="ones", experimental_autocast=False
        )
        self.offset = self.add_weight(
            name="offset", shape=(channels,), initializer="zeros", experimental_autocast=False
        )
        super().build(input_shape)

    def call(self, inputs: tf.Tensor) -> tf.Tensor:
        x = tf.cast(inputs, tf.float32)
        mean = tf.reduce_mean(x, axis=-1, keepdims=True)
        variance = tf.reduce_mean(tf.math.squared_difference(x, mean), axis=-1, keepdims=True)
        factor = tf.math.rsqrt(variance + self.epsilon) * self.scale
        return tf.cast((x - mean) * factor + self.offset, self.compute_dtype)

    def get_config(self) -> dict[str, Any]:
        return super().get_config() | {"epsilon": self.epsilon}
