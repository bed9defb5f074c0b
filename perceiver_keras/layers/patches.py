"""Patches: blocks of pixels and frames as channels, and back (docs/architecture.md, Preprocess)."""

from __future__ import annotations

import math
from typing import Any

import tensorflow as tf
from tensorflow import keras

from perceiver_keras.layers.chunked import axis_size
from perceiver_keras.layers.linear import Linear, build_part, register
from perceiver_keras.layers.xla import is_for_converters


def space_to_depth(frames: tf.Tensor, temporal: int = 1, spatial: int = 1) -> tf.Tensor:
    """[B, (T,) H, W, C] -> [B, (T/t,) H/s, W/s, t·s·s·C], channels in the order (dt, dh, dw, c).

    Images without a time axis need `temporal` 1. A time axis of length 1 is kept here; the official
    code squeezes it, as `Patches` does.
    """
    if frames.shape.rank == 4:
        if temporal != 1:
            raise ValueError(f"temporal patches of {temporal} need frames [B, T, H, W, C].")
        return space_to_depth(frames[:, None], 1, spatial)[:, 0]
    time, height, width = (axis_size(frames, axis) for axis in (1, 2, 3))
    channels = frames.shape[-1]
    for name, size, step in (
        ("frames", time, temporal),
        ("height", height, spatial),
        ("width", width, spatial),
    ):
        if isinstance(size, int) and size % step:
            raise ValueError(f"{name} {size} is not a multiple of the patch's {step}.")
    grid = (time // temporal, height // spatial, width // spatial)
    split = [-1, grid[0], temporal, grid[1], spatial, grid[2], spatial, channels]
    blocks = _transposed(tf.reshape(frames, split), [0, 1, 3, 5, 2, 4, 6, 7])
    return tf.reshape(blocks, [-1, *grid, temporal * spatial * spatial * channels])


def depth_to_space(patches: tf.Tensor, temporal: int = 1, spatial: int = 1) -> tf.Tensor:
    """The inverse of `space_to_depth` for [B, T, H, W, C]."""
    time, height, width = (axis_size(patches, axis) for axis in (1, 2, 3))
    channels = patches.shape[-1] // (temporal * spatial * spatial)
    split = [-1, time, height, width, temporal, spatial, spatial, channels]
    blocks = _transposed(tf.reshape(patches, split), [0, 1, 4, 2, 5, 3, 6, 7])
    return tf.reshape(blocks, [-1, time * temporal, height * spatial, width * spatial, channels])


def _transposed(x: tf.Tensor, order: list[int]) -> tf.Tensor:
    """`tf.transpose`, which leaves the first axis; for converters with four axes at a time: TensorFlow Lite has six."""
    sizes = x.shape.as_list()
    if not is_for_converters() or None in sizes[1:]:
        return tf.transpose(x, order)
    wanted = [axis for axis in order if sizes[axis] != 1]
    now = sorted(wanted)
    for place, axis in enumerate(wanted):
        at = now.index(axis)
        if at == place:
            continue
        run = 1  # what stays together moves together
        while [*wanted[place:], None][run] == [*now[at:], ""][run]:
            run += 1
        passed, moved, after = now[place:at], now[at : at + run], now[at + run :]
        blocks = [math.prod(sizes[a] for a in axes) for axes in (passed, moved, after)]
        x = tf.transpose(tf.reshape(x, [-1, *blocks]), [0, 2, 1, 3])
        now = [*now[:place], *moved, *passed, *after]
    return tf.reshape(x, [-1, *(sizes[axis] for axis in order[1:])])


def surrounding_patches(frames: tf.Tensor, size: int = 3) -> tf.Tensor:
    """Each pixel with its neighbours, zeros beyond the border: [..., H, W, C] -> [..., H, W, size²·C].

    Channels are in the order (row, column, channel), as in `tf.image.extract_patches`.
    """
    margin = size // 2
    rank = frames.shape.rank
    padding = [[0, 0]] * (rank - 3) + [[margin, margin]] * 2 + [[0, 0]]
    padded = tf.pad(frames, padding)
    height, width = axis_size(frames, rank - 3), axis_size(frames, rank - 2)
    shifted = [
        padded[..., row : row + height, column : column + width, :]
        for row in range(size)
        for column in range(size)
    ]
    return tf.concat(shifted, axis=-1)


@register
class Patches(keras.layers.Layer):
    """`space_to_depth`, then an optional Linear; a time axis of length 1 is dropped.

    Args:
        spatial: side of a patch in pixels.
        temporal: frames in a patch.
        linear_channels: channels after the Linear; default: no Linear.

    Call: [B, (T,) H, W, C] -> [B, (T/t,) H/s, W/s, channels].
    """

    def __init__(
        self,
        *,
        spatial: int = 1,
        temporal: int = 1,
        linear_channels: int | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.spatial = spatial
        self.temporal = temporal
        self.linear_channels = linear_channels
        self.linear = None
        if linear_channels is not None:
            self.linear = Linear(linear_channels, name="linear", dtype=self.dtype_policy)

    def build(self, input_shape: Any) -> None:
        if self.linear is not None:
            channels = tf.TensorShape(input_shape)[-1] * self.temporal * self.spatial**2
            build_part(self.linear, (None, channels))
        super().build(input_shape)

    def call(self, frames: tf.Tensor) -> tf.Tensor:
        patches = space_to_depth(frames, self.temporal, self.spatial)
        if patches.shape.rank == 5 and patches.shape[1] == 1:
            patches = tf.squeeze(patches, axis=1)
        return patches if self.linear is None else self.linear(patches)

    def compute_output_shape(self, input_shape: Any) -> tf.TensorShape:
        *outer, height, width, channels = tf.TensorShape(input_shape)
        steps = [self.temporal] if len(outer) == 2 else []
        steps += [self.spatial, self.spatial]
        sizes = [*outer[1:], height, width]
        grid = [None if n is None else n // step for n, step in zip(sizes, steps, strict=True)]
        if len(grid) == 3 and grid[0] == 1:
            grid = grid[1:]
        patch = channels * math.prod(steps)
        return tf.TensorShape([outer[0], *grid, self.linear_channels or patch])

    def get_config(self) -> dict[str, Any]:
        return super().get_config() | {
            "spatial": self.spatial,
            "temporal": self.temporal,
            "linear_channels": self.linear_channels,
        }
