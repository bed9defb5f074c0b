"""A class label as one element of the array, so that it can be an input, masked or not."""

from __future__ import annotations

from typing import Any

import tensorflow as tf
from tensorflow import keras

from perceiver_keras.layers.linear import register


@register
class LabelPreprocess(keras.layers.Layer):
    """A one-hot label as an array of one element without a position.

    Call: [B, classes] -> [B, 1, classes].
    """

    def compute_output_shape(self, input_shape: Any) -> tf.TensorShape:
        batch, classes = tf.TensorShape(input_shape)
        return tf.TensorShape([batch, 1, classes])

    def call(self, label: tf.Tensor, training: bool | None = None) -> tf.Tensor:
        return tf.cast(label, self.compute_dtype)[:, None, :]
