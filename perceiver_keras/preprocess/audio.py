"""Sound to [B, M, C]: patches of samples with positions in time (docs/architecture.md, Preprocess)."""

from __future__ import annotations

from typing import Any

import tensorflow as tf
from tensorflow import keras

from perceiver_keras.config import Position
from perceiver_keras.config_tree import tagged, untagged
from perceiver_keras.layers.linear import build_part, register
from perceiver_keras.layers.position import position_encoding
from perceiver_keras.preprocess.image import array_shape, with_positions


@register
class AudioPreprocess(keras.layers.Layer):
    """Patches of `samples_per_patch` samples, and the positions of the patches.

    In the official model the resolution of the Fourier positions is the number of samples, not of patches.

    Args:
        samples_per_patch: samples that become the channels of one element.
        position: learned or Fourier positions of the patches.

    Call: samples [B, S, 1] in [-1, 1] -> [B, S/samples_per_patch, samples_per_patch + positions].
    """

    def __init__(
        self, *, samples_per_patch: int = 16, position: Position | dict[str, Any], **kwargs: Any
    ) -> None:
        super().__init__(**kwargs)
        self.samples_per_patch = samples_per_patch
        self.position_config = untagged(Position, position, "position")
        self.position = position_encoding(
            self.position_config, name="position", dtype=self.dtype_policy
        )

    def build(self, input_shape: Any) -> None:
        build_part(self.position, self._patches(input_shape))
        super().build(input_shape)

    def _patches(self, shape: Any) -> tf.TensorShape:
        batch, samples, channels = tf.TensorShape(shape)
        size = self.samples_per_patch
        if samples is not None and samples % size:
            raise ValueError(f"{samples} samples can't be cut into patches of {size}.")
        patches = None if samples is None else samples // size
        return tf.TensorShape([batch, patches, size * channels])

    def compute_output_shape(self, input_shape: Any) -> tf.TensorShape:
        return array_shape(self._patches(input_shape), self.position)

    def call(self, samples: tf.Tensor, training: bool | None = None) -> tf.Tensor:
        shape = self._patches(samples.shape)
        patches = tf.reshape(
            samples, [-1, shape[1] or tf.shape(samples)[1] // self.samples_per_patch, shape[2]]
        )
        return with_positions(patches, self.position(patches))

    def get_config(self) -> dict[str, Any]:
        return super().get_config() | {
            "samples_per_patch": self.samples_per_patch,
            "position": tagged(self.position_config),
        }
