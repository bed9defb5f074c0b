"""Decoded outputs to optical flow in pixels (docs/architecture.md, Decode and postprocess)."""

from __future__ import annotations

from typing import Any

import tensorflow as tf
from tensorflow import keras

from perceiver_keras.layers.chunked import axis_size
from perceiver_keras.layers.linear import register
from perceiver_keras.layers.patches import depth_to_space, surrounding_patches

UPSAMPLING = ("convex", "blocks")


def decoded_channels(factor: int, upsampling: str) -> int:
    """Number of channels that `FlowPostprocess` needs per element."""
    if factor == 1:
        return 2
    return 2 * factor**2 if upsampling == "blocks" else 2 + 9 * factor**2


def upsample_convex(flow: tf.Tensor, logits: tf.Tensor, factor: int) -> tf.Tensor:
    """RAFT's upsampling: each fine value is a convex combination of nine coarse ones (arXiv 2003.12039, section 3.3).

    Args:
        flow: [B, h, w, C] values; beyond the border they count as zero.
        logits: [B, h, w, 9·factor²], ordered by 3×3 neighbour (row-major), then fine row, then fine column.

    Returns:
        [B, h·factor, w·factor, C].
    """
    height, width, channels = axis_size(flow, 1), axis_size(flow, 2), flow.shape[-1]
    weights = tf.nn.softmax(tf.reshape(logits, [-1, height, width, 9, factor**2]), axis=3)
    around = tf.reshape(surrounding_patches(flow, 3), [-1, height, width, 9, channels])
    fine = tf.einsum("bhwks,bhwkc->bhwsc", weights, around)
    fine = tf.reshape(fine, [-1, 1, height, width, factor**2 * channels])
    return depth_to_space(fine, spatial=factor)[:, 0]


@register
class FlowPostprocess(keras.layers.Layer):
    """Channels to flow: divided by `rescale_factor`, multiplied by `flow_scale`, shaped like the frames.

    The official network is trained on flow / 20 and divides its output by 100 so that it starts small; the
    factor 20 turns it into pixels.

    Args:
        rescale_factor: what the network's output is divided by.
        flow_scale: the network's unit in pixels.
        factor: how many times smaller each side of the grid of elements is than that of the frames.
        upsampling: how the frames' size is restored. "convex": an element has two channels of flow, and RAFT's
            weights of the nine nearest elements; "blocks": it has the flow of its factor² pixels.

    Call: outputs [B, h·w, E], inputs the frames [B, 2, H, W, C] (for their size; h = H / factor, rounded up)
        -> flow [B, H, W, 2] in pixels, x first, float32; with `points` [P] and factor 1, [B, P, 2].
    """

    def __init__(
        self,
        *,
        rescale_factor: float = 100.0,
        flow_scale: float = 20.0,
        factor: int = 1,
        upsampling: str = "convex",
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        if upsampling not in UPSAMPLING:
            raise ValueError(f"upsampling: {upsampling!r} is not one of {UPSAMPLING}.")
        self.rescale_factor = rescale_factor
        self.flow_scale = flow_scale
        self.factor = factor
        self.upsampling = upsampling

    def call(
        self, outputs: tf.Tensor, inputs: tf.Tensor | None = None, points: Any = None
    ) -> tf.Tensor:
        outputs = tf.cast(outputs, tf.float32)
        pixels = self.flow_scale / self.rescale_factor
        if self.factor == 1 and (points is not None or inputs is None):
            return outputs * pixels
        if points is not None or inputs is None:
            raise ValueError(
                f"{self.name}: upsampled flow is computed whole and needs the frames' size."
            )
        height, width = axis_size(inputs, 2), axis_size(inputs, 3)
        if self.factor == 1:
            return tf.reshape(outputs * pixels, [-1, height, width, 2])
        grid = [-1, -(-height // self.factor), -(-width // self.factor), outputs.shape[-1]]
        outputs = tf.reshape(outputs, grid)
        if self.upsampling == "blocks":
            flow = depth_to_space(outputs[:, None] * pixels, spatial=self.factor)[:, 0]
        else:
            flow = upsample_convex(outputs[..., :2] * pixels, outputs[..., 2:], self.factor)
        return flow[:, :height, :width]

    def get_config(self) -> dict[str, Any]:
        return super().get_config() | {
            "rescale_factor": self.rescale_factor,
            "flow_scale": self.flow_scale,
            "factor": self.factor,
            "upsampling": self.upsampling,
        }
