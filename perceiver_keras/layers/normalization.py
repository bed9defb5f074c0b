"""Layer normalisation, always computed in float32."""

from __future__ import annotations

from typing import Any

import tensorflow as tf
from tensorflow import keras

from perceiver_keras.layers.kept import keeping_input
from perceiver_keras.layers.linear import register
from perceiver_keras.layers.xla import for_xla, is_for_converters, within_control_flow


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
        if training is None or training is False:
            recognized = self._recognized(inputs)
            return self._one_kernel(inputs) if recognized else self._operations(inputs)
        weights = (tf.convert_to_tensor(weight) for weight in (self.scale, self.offset))
        return keeping_input(self._operations, self._gradient, inputs, *weights)

    def _recognized(self, x: tf.Tensor) -> bool:
        """Whether TensorFlow would find the form of `_one_kernel`, which is slower than plain operations elsewhere."""
        elsewhere = tf.executing_eagerly() or for_xla() or is_for_converters()
        return not elsewhere and not within_control_flow() and x.shape.rank in (2, 3)

    def _normed(self, inputs: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        """Mean 0 and variance 1, float32; and the reciprocals of the standard deviations."""
        x = tf.cast(inputs, tf.float32)
        centred = x - tf.reduce_mean(x, axis=-1, keepdims=True)
        variance = tf.reduce_mean(tf.square(centred), axis=-1, keepdims=True)
        per_deviation = tf.math.rsqrt(variance + self.epsilon)
        return centred * per_deviation, per_deviation

    def _operations(self, inputs: tf.Tensor, scale: Any = None, offset: Any = None) -> tf.Tensor:
        scale, offset = (self.scale, self.offset) if scale is None else (scale, offset)
        return tf.cast(self._normed(inputs)[0] * scale + offset, self.compute_dtype)

    def _gradient(
        self, upstream: tf.Tensor, inputs: tf.Tensor, scale: tf.Tensor, offset: tf.Tensor
    ) -> tuple[tf.Tensor, tf.Tensor, tf.Tensor]:
        """arXiv 1607.06450, supplementary material: what the mean and the variance take out is subtracted."""
        normed, per_deviation = self._normed(inputs)
        upstream = tf.cast(upstream, tf.float32)
        rows = list(range(upstream.shape.rank - 1))
        of_scale = tf.reduce_sum(upstream * normed, rows)
        scaled = upstream * scale
        along = tf.reduce_mean(scaled * normed, axis=-1, keepdims=True)
        of_inputs = scaled - tf.reduce_mean(scaled, axis=-1, keepdims=True) - normed * along
        of_inputs = tf.cast(of_inputs * per_deviation, inputs.dtype)
        return of_inputs, of_scale, tf.reduce_sum(upstream, rows)

    def _one_kernel(self, x: tf.Tensor) -> tf.Tensor:
        """In the form that TensorFlow turns into a single oneDNN kernel on CPUs, which is that of Keras's own layer.

        Each row is a channel of a batch norm in training. The kernel is recognized by rows of ones and zeros that are
        filled when the graph runs, and by a scale and an offset that nothing else waits for. Placeholders keep both
        so: the number of rows is not known before, and variables are not read by the pattern itself.

        It is recognized only where the optimizer knows the input's channels, and the reshape's input is the layer's:
        in a loop's body the shapes of variables are not known, and a reshape before it would be joined with this one.
        The check of the shape, which copies nothing, gives it both.

        Where an optimizer does not recognize it all the same, the batch norm runs as it is. oneDNN's kernel for that
        keeps the number of channels, here of rows, in a member (TensorFlow 2.15): two calls at once with other batch
        sizes write outside their memory. That kernel takes four axes; for five, TensorFlow's own runs, which is safe.
        """
        hidden = tf.compat.v1.placeholder_with_default
        x = tf.ensure_shape(x, x.shape)
        rows = hidden(tf.size(x) // x.shape[-1], [])
        normed, _, _ = tf.compat.v1.nn.fused_batch_norm(
            tf.reshape(x, [1, -1, x.shape[-1], 1, 1]),
            tf.fill([rows], 1.0),
            tf.fill([rows], 0.0),
            epsilon=self.epsilon,
            data_format="NCDHW",
        )
        normed = tf.reshape(normed, tf.shape(x))
        normed.set_shape(x.shape)  # not ensure_shape, whose operation would be in the way
        scale, offset = (hidden(tf.cast(w, x.dtype), w.shape) for w in (self.scale, self.offset))
        return normed * scale + offset

    def get_config(self) -> dict[str, Any]:
        return super().get_config() | {"epsilon": self.epsilon}
