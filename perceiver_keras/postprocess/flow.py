"""Decoded outputs to optical flow in pixels (SPEC: Decode and postprocess)."""

from __future__ import annotations

from typing import Any

import tensorflow as tf
from tensorflow import keras

from perceiver_keras.layers.chunked import axis_size
from perceiver_keras.layers.linear import register


@register
class FlowPostprocess(keras.layers.Layer):
    """Two channels to flow: divided by `rescale_factor`, multiplied by `flow_scale`, shaped as the frames.

    The official network is trained on flow / 20 and divides its output by 100 so that it starts small; the
    factor 20 turns it into pixels.

    Call: outputs [B, H·W, 2], inputs the frames [B, 2, H, W, C] (for their size) -> flow [B, H, W, 2] in
        pixels, x first, float32; with `points` [P], [B, P, 2].
    """

    def __init__(
        self, *, rescale_factor: float = 100.0, flow_scale: float = 20.0, **kwargs: Any
    ) -> None:
        super().__init__(**kwargs)
        self.rescale_factor = rescale_factor
        self.flow_scale = flow_scale

    def call(
        self, outputs: tf.Tensor, inputs: tf.Tensor | None = None, points: Any = None
    ) -> tf.Tensor:
        flow = tf.cast(outputs, tf.float32) / self.rescale_factor * self.flow_scale
        if points is not None or inputs is None:
            return flow
        return tf.reshape(flow, [-1, axis_size(inputs, 2), axis_size(inputs, 3), 2])

    def get_config(self) -> dict[str, Any]:
        return super().get_config() | {
            "rescale_factor": self.rescale_factor,
            "flow_scale": self.flow_scale,
        }
