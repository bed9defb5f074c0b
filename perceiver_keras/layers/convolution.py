"""Convolutional stems: a Linear on strided pixels, and 7×7 convolutions with pooling."""

from __future__ import annotations

from typing import Any

import tensorflow as tf
from tensorflow import keras

from perceiver_keras.layers.chunked import axis_size
from perceiver_keras.layers.linear import Linear, build_part, kernel_initializer, register


def stride(frames: tf.Tensor, step: int) -> tf.Tensor:
    """Every `step`-th row and column of [..., H, W, C]."""
    return frames if step == 1 else frames[..., ::step, ::step, :]


def strided_shape(shape: tf.TensorShape, step: int, channels: int | None = None) -> tf.TensorShape:
    """The shape of `stride`'s result; `channels` replaces the channels where a map follows."""
    sides = [None if side is None else -(-side // step) for side in shape[-3:-1]]
    return tf.TensorShape([*shape[:-3], *sides, channels or shape[-1]])


@register
class Pointwise(keras.layers.Layer):
    """A 1×1 convolution with a stride: a Linear on every `step`-th pixel.

    Call: [B, ..., H, W, C] -> [B, ..., H/step, W/step, channels].
    """

    def __init__(self, *, channels: int, step: int = 1, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.channels = channels
        self.step = step
        self.linear = Linear(channels, name="linear", dtype=self.dtype_policy)

    def build(self, input_shape: Any) -> None:
        build_part(self.linear, (None, tf.TensorShape(input_shape)[-1]))
        super().build(input_shape)

    def call(self, frames: tf.Tensor) -> tf.Tensor:
        return self.linear(stride(frames, self.step))

    def compute_output_shape(self, input_shape: Any) -> tf.TensorShape:
        return strided_shape(tf.TensorShape(input_shape), self.step, self.channels)

    def get_config(self) -> dict[str, Any]:
        return super().get_config() | {"channels": self.channels, "step": self.step}


@register
class ConvDownsample(keras.layers.Layer):
    """`num_layers` times: 7×7 convolution with stride 2, batch norm, ReLU, 3×3 max-pooling with stride 2.

    Each layer shrinks both sides by four. Batch norm: epsilon 1e-5, decay 0.9; the convolution
    has no bias.

    Args:
        channels: output channels of every convolution.
        num_layers: number of these layers.
        padding: "same", as in the official code (TensorFlow's rule, which pads more at the end), or
            "port", as in the PyTorch port (three pixels on every side, and none for the pooling).

    Call: [B, (T,) H, W, C] -> [B, (T,) H/4^n, W/4^n, channels]; frames are processed one by one.
    """

    def __init__(
        self, *, channels: int = 64, num_layers: int = 1, padding: str = "same", **kwargs: Any
    ) -> None:
        super().__init__(**kwargs)
        if padding not in ("same", "port"):
            raise ValueError(f"padding: {padding!r} is not 'same' or 'port'.")
        self.channels = channels
        self.num_layers = num_layers
        self.padding = padding
        self.convolutions = [
            keras.layers.Conv2D(
                channels,
                kernel_size=7,
                strides=2,
                padding="same" if padding == "same" else "valid",
                use_bias=False,
                kernel_initializer=kernel_initializer(),
                name=f"convolution_{i}",
                dtype=self.dtype_policy,
            )
            for i in range(num_layers)
        ]
        self.norms = [
            keras.layers.BatchNormalization(
                momentum=0.9, epsilon=1e-5, name=f"batch_norm_{i}", dtype=self.dtype_policy
            )
            for i in range(num_layers)
        ]

    def build(self, input_shape: Any) -> None:
        channels = tf.TensorShape(input_shape)[-1]
        for convolution, norm in zip(self.convolutions, self.norms, strict=True):
            build_part(convolution, tf.TensorShape((None, None, None, channels)))
            channels = self.channels
            build_part(norm, tf.TensorShape((None, None, None, channels)))
        super().build(input_shape)

    def call(self, frames: tf.Tensor, training: bool | None = None) -> tf.Tensor:
        x = frames
        if frames.shape.rank == 5:
            x = tf.reshape(x, [-1, *(axis_size(x, axis) for axis in (2, 3, 4))])
        for convolution, norm in zip(self.convolutions, self.norms, strict=True):
            if self.padding == "port":
                x = tf.pad(x, [[0, 0], [3, 3], [3, 3], [0, 0]])
            x = tf.nn.relu(norm(convolution(x), training=training))
            x = tf.nn.max_pool2d(x, 3, 2, padding="SAME" if self.padding == "same" else "VALID")
        if frames.shape.rank == 5:
            x = tf.reshape(x, [-1, axis_size(frames, 1), *(axis_size(x, a) for a in (1, 2, 3))])
        return x

    def compute_output_shape(self, input_shape: Any) -> tf.TensorShape:
        shape = tf.TensorShape(input_shape)
        if self.padding == "same":
            return strided_shape(shape, 4**self.num_layers, self.channels)
        sides = list(shape[-3:-1])
        for _ in range(self.num_layers):
            sides = [None if side is None else ((side + 1) // 2 - 3) // 2 + 1 for side in sides]
        return tf.TensorShape([*shape[:-3], *sides, self.channels])

    def get_config(self) -> dict[str, Any]:
        return super().get_config() | {
            "channels": self.channels,
            "num_layers": self.num_layers,
            "padding": self.padding,
        }
