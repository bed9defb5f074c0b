"""Two frames to [B, M, C]: each pixel with its neighbours, joined or apart (docs/architecture.md, Preprocess)."""

from __future__ import annotations

from typing import Any

import tensorflow as tf

from perceiver_keras.layers.chunked import axis_size
from perceiver_keras.layers.linear import register
from perceiver_keras.layers.patches import surrounding_patches
from perceiver_keras.preprocess.image import ImagePreprocess


def local_contrast(frames: tf.Tensor, window: int) -> tf.Tensor:
    """Frames [B, 2, H, W, C] minus the mean colour around each pixel, divided by the deviation there.

    Both are taken over the `window`×`window` pixels around (fewer at the border) in both frames together.
    The same values are subtracted from both frames, so motion is preserved. The deviation is over all
    channels; 0.05 in the frames' unit is added to it, because flat surfaces would otherwise be all noise.
    """
    exact = tf.cast(frames, tf.float32)
    exact -= _around(tf.reduce_mean(exact, axis=1), window)
    deviation = tf.sqrt(_around(tf.reduce_mean(exact**2, axis=[1, 4])[..., None], window))
    return tf.cast(exact / (deviation + 0.05), frames.dtype)


def _around(pictures: tf.Tensor, window: int) -> tf.Tensor:
    """Means over the window around each pixel: [B, H, W, C] -> [B, 1, H, W, C]."""
    # At the border, "SAME" averages over the pixels that exist.
    return tf.nn.avg_pool2d(pictures, window, 1, "SAME")[:, None]


@register
class FlowPreprocess(ImagePreprocess):
    """The `patch_size`×`patch_size` pixels around each pixel (zeros beyond the border), then `ImagePreprocess`.

    In the released model these are 3×3 pixels; the stem joins those of both frames (2·27 = 54 channels)
    and maps them to 64. Frames may have any height and width. If neither the stem nor `join_frames`
    joins the frames, each has its own elements, the first frame's before the second's, with positions
    in time, row and column.

    Args:
        patch_size: side of the neighbourhood; 1: only the pixel itself.
        join_frames: join both frames' channels into one image first, for stems without a time axis.
        contrast_window: side of the window of `local_contrast`, which is applied first; None, as in the
            released model: pixels as they are. A small model learns motion much sooner with it, because
            otherwise the difference between the frames is a small fraction of their values.
        stem, position, concat_or_add: as in `ImagePreprocess`.

    Call: frames [B, 2, H, W, C], scaled to [-1, 1] -> [B, H·W, channels], or [B, 2·H·W, channels] if the
        frames stay apart. A stem that shrinks both sides by s leaves 1/s² of the elements.
    """

    def __init__(
        self,
        *,
        patch_size: int = 3,
        join_frames: bool = False,
        contrast_window: int | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.patch_size = patch_size
        self.join_frames = join_frames
        self.contrast_window = contrast_window

    def build(self, input_shape: Any) -> None:
        super().build(self._before_stem(input_shape))

    def compute_output_shape(self, input_shape: Any) -> tf.TensorShape:
        return super().compute_output_shape(self._before_stem(input_shape))

    def call(self, frames: tf.Tensor, training: bool | None = None) -> tf.Tensor:
        if self.contrast_window is not None:
            frames = local_contrast(frames, self.contrast_window)
        if self.patch_size > 1:
            frames = surrounding_patches(frames, self.patch_size)
        if self.join_frames:
            height, width = axis_size(frames, 2), axis_size(frames, 3)
            joined = tf.transpose(frames, [0, 2, 3, 1, 4])
            frames = tf.reshape(joined, [-1, height, width, 2 * frames.shape[-1]])
        return super().call(frames, training=training)

    def _before_stem(self, shape: Any) -> tf.TensorShape:
        batch, frames, height, width, channels = tf.TensorShape(shape)
        channels *= self.patch_size**2
        if self.join_frames:
            return tf.TensorShape([batch, height, width, frames * channels])
        return tf.TensorShape([batch, frames, height, width, channels])

    def get_config(self) -> dict[str, Any]:
        return super().get_config() | {
            "patch_size": self.patch_size,
            "join_frames": self.join_frames,
            "contrast_window": self.contrast_window,
        }
