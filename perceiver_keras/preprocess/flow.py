"""Two frames to [B, M, C]: each pixel with its neighbours in both frames (SPEC: Preprocess)."""

from __future__ import annotations

from typing import Any

import tensorflow as tf

from perceiver_keras.layers.linear import register
from perceiver_keras.layers.patches import surrounding_patches
from perceiver_keras.preprocess.image import ImagePreprocess


@register
class FlowPreprocess(ImagePreprocess):
    """`patch_size`×`patch_size` neighbourhoods of each pixel, zeros beyond the border, then `ImagePreprocess`.

    In the released model the neighbourhoods are 3×3, and the stem joins both frames' (2·27 = 54
    channels) and maps them to 64. Any height and width.

    Args:
        patch_size: side of the neighbourhood; 1: the pixel alone.
        stem, position, concat_or_add: as in `ImagePreprocess`.

    Call: frames [B, 2, H, W, C], scaled to [-1, 1] -> [B, H·W, channels].
    """

    def __init__(self, *, patch_size: int = 3, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.patch_size = patch_size

    def build(self, input_shape: Any) -> None:
        super().build(self._neighbourhoods(input_shape))

    def compute_output_shape(self, input_shape: Any) -> tf.TensorShape:
        return super().compute_output_shape(self._neighbourhoods(input_shape))

    def call(self, frames: tf.Tensor, training: bool | None = None) -> tf.Tensor:
        if self.patch_size > 1:
            frames = surrounding_patches(frames, self.patch_size)
        return super().call(frames, training=training)

    def _neighbourhoods(self, shape: Any) -> tf.TensorShape:
        shape = tf.TensorShape(shape)
        return shape[:-1].concatenate([shape[-1] * self.patch_size**2])

    def get_config(self) -> dict[str, Any]:
        return super().get_config() | {"patch_size": self.patch_size}
