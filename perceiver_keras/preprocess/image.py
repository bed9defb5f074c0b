"""Images and frames to [B, M, C]: a stem, then positions (docs/architecture.md, Preprocess)."""

from __future__ import annotations

import math
from typing import Any

import tensorflow as tf
from tensorflow import keras

from perceiver_keras.config import Conv1x1Stem, ConvStem, PatchStem, PixelStem, Position, Stem
from perceiver_keras.config_tree import tagged, untagged
from perceiver_keras.layers.chunked import axis_size
from perceiver_keras.layers.convolution import ConvDownsample, Pointwise, stride, strided_shape
from perceiver_keras.layers.linear import build_part, register
from perceiver_keras.layers.patches import Patches
from perceiver_keras.layers.position import position_encoding


def stem_layer(stem: Stem, **kwargs: Any) -> keras.layers.Layer | None:
    """The layer that a stem's configuration describes; None for raw pixels."""
    if isinstance(stem, Conv1x1Stem):
        return Pointwise(channels=stem.channels, step=stem.spatial_downsample, **kwargs)
    if isinstance(stem, ConvStem):
        return ConvDownsample(
            channels=stem.channels, num_layers=stem.num_layers, padding=stem.padding, **kwargs
        )
    if isinstance(stem, PatchStem):
        return Patches(
            spatial=stem.spatial_downsample,
            temporal=stem.temporal_downsample,
            linear_channels=stem.linear_channels,
            **kwargs,
        )
    return None


def flatten_grid(features: tf.Tensor) -> tf.Tensor:
    """[B, *grid, C] -> [B, M, C] in row-major order."""
    sizes = [axis_size(features, axis) for axis in range(1, features.shape.rank - 1)]
    count = math.prod(sizes) if all(isinstance(s, int) for s in sizes) else -1
    batch = axis_size(features, 0) if count == -1 else -1
    return tf.reshape(features, [batch, count, features.shape[-1]])


def with_positions(
    features: tf.Tensor, positions: tf.Tensor, concat_or_add: str = "concat"
) -> tf.Tensor:
    """Joins features [B, M, C] and positions [M, P] into [B, M, C + P], or adds them (C = P)."""
    if concat_or_add == "add":
        return features + positions[None]
    shape = tf.concat([tf.shape(features)[:1], tf.shape(positions)], 0)
    return tf.concat([features, tf.broadcast_to(positions[None], shape)], axis=-1)


def array_shape(
    features: tf.TensorShape, position: keras.layers.Layer, concat_or_add: str = "concat"
) -> tf.TensorShape:
    """The shape [B, M, C] of features [B, *grid, c] joined with their positions."""
    grid = features[1:-1]
    extra = position.output_channels(grid.rank) if concat_or_add == "concat" else 0
    return tf.TensorShape([features[0], grid.num_elements(), features[-1] + extra])


@register
class ImagePreprocess(keras.layers.Layer):
    """A stem on the pixels; then the grid is flattened and positions are joined.

    Args:
        stem: raw pixels, a Linear on each, convolutions, or patches.
        position: learned or Fourier positions of the grid after the stem.
        concat_or_add: whether positions become further channels or are added.

    Call: [B, (T,) H, W, C] -> [B, M, channels].
    """

    def __init__(
        self,
        *,
        stem: Stem | dict[str, Any],
        position: Position | dict[str, Any],
        concat_or_add: str = "concat",
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        if concat_or_add not in ("concat", "add"):
            raise ValueError(f"concat_or_add: {concat_or_add!r} is not 'concat' or 'add'.")
        self.stem_config = untagged(Stem, stem, "stem")
        self.position_config = untagged(Position, position, "position")
        self.concat_or_add = concat_or_add
        self.stem = stem_layer(self.stem_config, name="stem", dtype=self.dtype_policy)
        self.position = position_encoding(
            self.position_config, name="position", dtype=self.dtype_policy
        )

    def build(self, input_shape: Any) -> None:
        shape = tf.TensorShape(input_shape)
        if self.stem is not None:
            build_part(self.stem, shape)
        build_part(self.position, self._after_stem(shape))
        super().build(input_shape)

    def _after_stem(self, shape: tf.TensorShape) -> tf.TensorShape:
        if self.stem is None:
            return strided_shape(shape, self.stem_config.spatial_downsample)
        return tf.TensorShape(self.stem.compute_output_shape(shape))

    def grid(self, input_shape: Any) -> tuple[int, ...]:
        """The sides of the grid of elements, for inputs of a known size."""
        return tuple(self._after_stem(tf.TensorShape(input_shape))[1:-1])

    def _features(self, frames: tf.Tensor, training: bool | None) -> tf.Tensor:
        if isinstance(self.stem_config, PixelStem):
            return stride(frames, self.stem_config.spatial_downsample)
        if isinstance(self.stem_config, ConvStem):
            return self.stem(frames, training=training)
        return self.stem(frames)

    def compute_output_shape(self, input_shape: Any) -> tf.TensorShape:
        return array_shape(
            self._after_stem(tf.TensorShape(input_shape)), self.position, self.concat_or_add
        )

    def call(self, frames: tf.Tensor, training: bool | None = None) -> tf.Tensor:
        features = self._features(frames, training)
        positions = self.position(features)
        return with_positions(flatten_grid(features), positions, self.concat_or_add)

    def get_config(self) -> dict[str, Any]:
        return super().get_config() | {
            "stem": tagged(self.stem_config),
            "position": tagged(self.position_config),
            "concat_or_add": self.concat_or_add,
        }
