"""Decoded outputs, one per patch, to samples: the inverse of `preprocess.audio`'s patches."""

from __future__ import annotations

from typing import Any

import tensorflow as tf

from perceiver_keras.layers.chunked import axis_size
from perceiver_keras.layers.linear import register
from perceiver_keras.postprocess.projection import ProjectionPostprocess


@register
class AudioPostprocess(ProjectionPostprocess):
    """A Linear to `samples_per_patch` samples, joined along time.

    Call: [B, O, E] -> samples [B, O·samples_per_patch], float32.
    """

    def __init__(self, *, samples_per_patch: int = 16, **kwargs: Any) -> None:
        super().__init__(output_dim=samples_per_patch, **kwargs)

    def finish(self, outputs: tf.Tensor, points: Any = None) -> tf.Tensor:
        """Patches [B, O, n] joined along time: [B, O·n]."""
        return tf.reshape(outputs, [-1, axis_size(outputs, 1) * self.output_dim])

    def get_config(self) -> dict[str, Any]:
        config = super().get_config()
        config["samples_per_patch"] = config.pop("output_dim")
        return config
