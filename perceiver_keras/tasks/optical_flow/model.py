"""The model of optical flow (paper, section 4.2): frames [B, 2, H, W, C] in [-1, 1] -> flow [B, H, W, 2], pixels.

Frames of any other size are cut into tiles, whose flow is stitched together (`postprocess/tiles.py`).
"""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from typing import Any

import numpy as np
import tensorflow as tf
from tensorflow import keras

from perceiver_keras.config import ConvStem
from perceiver_keras.errors import UsageError, nearest
from perceiver_keras.postprocess import tiles
from perceiver_keras.postprocess.flow import FlowPostprocess, decoded_channels
from perceiver_keras.preprocess.flow import FlowPreprocess
from perceiver_keras.query import InputQuery
from perceiver_keras.tasks.model import TaskModel
from perceiver_keras.tasks.optical_flow.frames import Frame, different_sizes, pixels_of
from perceiver_keras.tasks.optical_flow.presets import OpticalFlowModelConfig
from perceiver_keras.tasks.shared import inputs, pictures


def grid_of(config: OpticalFlowModelConfig) -> tuple[int, int]:
    """(by how much the stem shrinks each side, how many frames the array has elements for)."""
    stem = config.stem
    factor = 4**stem.num_layers if isinstance(stem, ConvStem) else stem.spatial_downsample
    joined = config.join_frames or getattr(stem, "temporal_downsample", 1) == 2
    return factor, 1 if joined else 2


def _is_list(frames: Any) -> bool:
    return not pictures.is_picture(frames) and hasattr(frames, "__iter__")


@keras.saving.register_keras_serializable(package="perceiver_keras")
class OpticalFlow(TaskModel):
    """Perceiver IO for optical flow: frames [B, 2, H, W, C] in [-1, 1] -> flow [B, H, W, 2], pixels."""

    task_name = "optical_flow"
    free_axes = slice(2, 4)
    config_class = OpticalFlowModelConfig

    def __init__(self, config: OpticalFlowModelConfig, **kwargs: Any):
        factor, frames = grid_of(config)
        decode = dataclasses.replace(
            config.decode, output_dim=decoded_channels(factor, config.upsampling), zero_init=True
        )
        super().__init__(
            config,
            preprocess=FlowPreprocess(
                patch_size=config.patch_size,
                join_frames=config.join_frames,
                contrast_window=config.contrast_window,
                stem=config.stem,
                position=config.position,
                name="preprocess",
            ),
            query=InputQuery(frames=frames, name="query"),
            decode=decode,
            postprocess=FlowPostprocess(
                flow_scale=config.flow_scale,
                factor=factor,
                upsampling=config.upsampling,
                name="postprocess",
            ),
            **kwargs,
        )

    def symbolic_inputs(self) -> Any:
        return keras.Input([2, *self.config.image_size, self.config.channels], name="frames")

    def predict_flow(
        self,
        frame1: Frame | Sequence[Frame],
        frame2: Frame | Sequence[Frame],
        tiling: str = "minimal",
    ) -> Any:
        """The motion of every pixel from one frame to another, of any size.

        Args:
          frame1, frame2: Pixels [H, W], [H, W, 1] or [H, W, 3] (an alpha channel after them is dropped), uint8, uint16
            or floating-point in [0, 1]; or a PIL image; or an encoded picture; or its path. Two lists of these are
            pairs.
          tiling: "minimal", "paper" or "notebook" (`postprocess/tiles.py`).

        Returns:
          float32 [H, W, 2] in pixels, x first; for lists, a list of these.

        Raises:
          UsageError: the frames of a pair differ in size, or one is not a picture.
        """
        if tiling not in tiles.TILINGS:
            raise UsageError(f"There is no tiling {tiling!r}.{nearest(tiling, tiles.TILINGS)}")
        frame1, frame2 = inputs.plain(frame1), inputs.plain(frame2)
        if pictures.is_picture(frame1) and pictures.is_picture(frame2):
            return self._predict_pair(frame1, frame2, tiling)
        words = "frame1 and frame2 are two frames, or two lists with one entry per pair"
        if not all(_is_list(frames) for frames in (frame1, frame2)):
            kinds = inputs.kind_of(frame1), inputs.kind_of(frame2)
            raise UsageError(
                f"{words}; got {kinds[0]} and {kinds[1]}. A frame is {pictures.TAKES}."
            )
        first, second = list(frame1), list(frame2)
        if len(first) != len(second):
            raise UsageError(f"{words}; got {len(first)} and {len(second)}.")
        return [self._predict_pair(a, b, tiling) for a, b in zip(first, second, strict=True)]

    def _predict_pair(self, frame1: Frame, frame2: Frame, tiling: str) -> np.ndarray:
        channels = self.config.channels
        first, second = pixels_of(frame1, channels, "frame1"), pixels_of(frame2, channels, "frame2")
        if first.shape != second.shape:
            raise UsageError(different_sizes("frame1", first.shape, "frame2", second.shape))
        pair = tf.constant(np.stack([first, second])[None])
        size = self.config.image_size
        flow = tiles.predict_tiled(self.predict_on_batch, pair, size, tiling, self.tiles_at_once())
        return flow[0].numpy()

    def tiles_at_once(self) -> int:
        """How many tiles one call takes: as many as keep the largest attention logits within the memory budget.

        The budget is `attention_memory_mb`. One tile of the released model has 1.5 GB of logits and is computed in
        chunks; small models take hundreds of tiles together.
        """
        config = self.config
        elements = self.preprocess.compute_output_shape(
            [1, 2, *config.image_size, config.channels]
        )[1]
        heads = max(
            config.encode.num_cross_attention_heads, config.decode.num_cross_attention_heads
        )
        logits = 4 * heads * config.encode.num_latents * elements
        return max(1, config.attention_memory_mb * 2**20 // logits)
