"""Layer normalisation, always computed in float32."""

from __future__ import annotations

from typing import Any

import tensorflow as tf
from tensorflow import keras

from perceiver_keras.layers.linear import register
from perceiver_keras.layers.xla import for_xla


@register
class LayerNorm(keras.layers.Layer):
    """Normalises the last axis to mean 0 and variance 1, then applies scale and offset (epsilon 1e-5).

    In any precision the statistics and the weights are float32: a bfloat16 variance would have two digits.

    Call: [..., C] -> [..., C], in the layer's compute dtype.
    """

    def __init__(self, *, epsilon: float = 1e-5, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.epsilon = epsilon

    def build(self, input_shape: Any) -> None:
        channels = tf.TensorShape(input_shape)[-1]
        kept = {"shape": (channels,), "dtype": "float32", "experimental_autocast": False}
        self.scale = self.add_weight(name="scale", initializer="ones", **kept)
        self.offset = self.add_weight(name="offset", initializer="zeros", **kept)
        super().build(input_shape)

    def call(self, inputs: tf.Tensor, training: bool | None = None) -> tf.Tensor:
        inference = training is None or training is False
        if inference and not tf.executing_eagerly() and not for_xla():
            return self._one_kernel(inputs)
        return self._operations(inputs)

    def _operations(self, inputs: tf.Tensor) -> tf.Tensor:
        x = tf.cast(inputs, tf.float32)
        centred = x - tf.reduce_mean(x, axis=-1, keepdims=True)
        variance = tf.reduce_mean(tf.square(centred), axis=-1, keepdims=True)
        normed = centred * tf.math.rsqrt(variance + self.epsilon) * self.scale + self.offset
        return tf.cast(normed, self.compute_dtype)

    def _one_kernel(self, x: tf.Tensor) -> tf.Tensor:
        """In the form that TensorFlow turns into a single oneDNN kernel on CPUs, which is that of Keras's own layer.

        Each row is a channel of a batch norm in training. The kernel is recognized by rows of ones and zeros that are
        filled when the graph runs, and by a scale and an offset that nothing else waits for. Placeholders keep both
        so: the number of rows is not known before, and variables are not read by the pattern itself.
        """
        hidden = tf.compat.v1.placeholder_with_default
        rows = hidden(tf.size(x) // x.shape[-1], [])
        normed, _, _ = tf.compat.v1.nn.fused_batch_norm(
            tf.reshape(x, [1, -1, x.shape[-1], 1]),
            tf.fill([rows], 1.0),
            tf.fill([rows], 0.0),
            epsilon=self.epsilon,
            data_format="NCHW",
        )
        normed = tf.reshape(normed, tf.shape(x))
        normed.set_shape(x.shape)  # not ensure_shape, whose operation would be in the way
        scale, offset = (hidden(tf.cast(w, x.dtype), w.shape) for w in (self.scale, self.offset))
        return normed * scale + offset

    def get_config(self) -> dict[str, Any]:
        return super().get_config() | {"epsilon": self.epsilon}
