"""A clip to [B, M, C]: blocks of pixels and frames, with positions in space and time."""

from __future__ import annotations

from typing import Any

from perceiver_keras.config import PatchStem, Position
from perceiver_keras.layers.linear import register
from perceiver_keras.preprocess.image import ImagePreprocess


@register
class VideoPreprocess(ImagePreprocess):
    """Patches of `temporal_patch` frames and `spatial_patch`×`spatial_patch` pixels, then positions.

    Args:
        spatial_patch: side of a patch in pixels.
        temporal_patch: frames in a patch.
        position: positions of the grid of patches (time, height, width).

    Call: frames [B, T, H, W, C] -> [B, M, channels].
    """

    def __init__(
        self,
        *,
        spatial_patch: int = 4,
        temporal_patch: int = 1,
        position: Position | dict[str, Any],
        **kwargs: Any,
    ) -> None:
        stem = PatchStem(spatial_downsample=spatial_patch, temporal_downsample=temporal_patch)
        super().__init__(stem=stem, position=position, **kwargs)

    def get_config(self) -> dict[str, Any]:
        config = super().get_config()
        del config["stem"]
        return config | {
            "spatial_patch": self.stem.spatial,
            "temporal_patch": self.stem.temporal,
        }
