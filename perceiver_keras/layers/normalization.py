"""Layer normalisation, always computed in float32."""

from __future__ import annotations

from typing import Any

import tensorflow as tf
from tensorflow import keras

from perceiver_keras.layers.linear import register
from perceiver_keras.layers.stacked import for_xla


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

    def call(self, inputs: tf.Tensor, training: bool | None = None) -> tf.Tensor:
        plain = training or tf.executing_eagerly() or for_xla()
        return self._plain(inputs) if plain else self._one_kernel(inputs)

    def _plain(self, inputs: tf.Tensor) -> tf.Tensor:
        x = tf.cast(inputs, tf.float32)
        centred = x - tf.reduce_mean(x, axis=-1, keepdims=True)
        variance = tf.reduce_mean(tf.square(centred), axis=-1, keepdims=True)
        normed = centred * tf.math.rsqrt(variance + self.epsilon) * self.scale + self.offset
        return tf.cast(normed, self.compute_dtype)

    def _one_kernel(self, x: tf.Tensor) -> tf.Tensor:
        """Written as Keras's own layer writes it, which TensorFlow turns into a single oneDNN kernel on CPUs.

        Each row is a channel of a batch norm in training. The kernel is recognised by scales and offsets that are
        filled when the graph runs, so their number must not be known before.
        """
        channels = x.shape[-1]
        rows = tf.compat.v1.placeholder_with_default(tf.size(x) // channels, [])
        normed, _, _ = tf.compat.v1.nn.fused_batch_norm(
            tf.reshape(x, [1, -1, channels, 1]),
            tf.fill([rows], 1.0),
            tf.fill([rows], 0.0),
            epsilon=self.epsilon,
            data_format="NCHW",
        )
        normed = tf.reshape(normed, tf.shape(x))
        normed.set_shape(x.shape)  # not ensure_shape, whose operation would be in the way
        return normed * tf.cast(self.scale, x.dtype) + tf.cast(self.offset, x.dtype)

    def get_config(self) -> dict[str, Any]:
        return super().get_config() | {"epsilon": self.epsilon}
