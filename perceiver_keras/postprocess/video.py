"""Decoded outputs, one per pixel, to frames: the inverse of `preprocess.video`'s flattening."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import tensorflow as tf

from perceiver_keras.layers.linear import register
from perceiver_keras.postprocess.projection import ProjectionPostprocess


@register
class VideoPostprocess(ProjectionPostprocess):
    """A Linear to the channels of a pixel; complete outputs get the clip's shape.

    Args:
        grid: frames, height, width.
        output_dim: channels of a pixel.

    Call: [B, T·H·W, E] -> [B, T, H, W, output_dim]; with `points` [P], [B, P, output_dim].
    """

    def __init__(self, *, grid: Sequence[int], output_dim: int = 3, **kwargs: Any) -> None:
        super().__init__(output_dim=output_dim, **kwargs)
        self.grid = tuple(grid)

    def finish(self, outputs: tf.Tensor, points: Any = None) -> tf.Tensor:
        """All pixels in row-major order [B, T·H·W, c] as frames [B, T, H, W, c]; those at points as they are."""
        return (
            outputs
            if points is not None
            else tf.reshape(outputs, [-1, *self.grid, self.output_dim])
        )

    def get_config(self) -> dict[str, Any]:
        return super().get_config() | {"grid": list(self.grid)}
