"""Optical flow (paper, section 4.2; SPEC: Released settings): the model and its presets.

Inputs: two frames [B, 2, H, W, C] float32 in [-1, 1]; outputs the flow from the first to the second,
[B, H, W, 2] in pixels, x first.
"""

from __future__ import annotations

import dataclasses
from typing import Any, Literal

from tensorflow import keras

from perceiver_keras.config import (
    ConvStem,
    DataConfig,
    DecodeConfig,
    EncodeConfig,
    EvaluateConfig,
    FourierPosition,
    PatchStem,
    PerceiverConfig,
    Position,
    ProcessConfig,
    Stem,
    TaskConfig,
    TrainConfig,
    frozen,
)
from perceiver_keras.decode import Decode
from perceiver_keras.encode import Encode
from perceiver_keras.postprocess.flow import FlowPostprocess, decoded_channels
from perceiver_keras.preprocess.flow import FlowPreprocess
from perceiver_keras.process import Process
from perceiver_keras.query import InputQuery
from perceiver_keras.tasks import flow_prediction
from perceiver_keras.tasks.model import TaskModel
from perceiver_keras.tasks.task import Preset

# === Configuration ===


@frozen()
class OpticalFlowModelConfig(PerceiverConfig):
    """The model. `image_size` is what it was trained at; other sizes run too, but were not trained."""

    image_size: tuple[int, ...]  # height, width
    channels: int = 3
    patch_size: int = 3  # side of each pixel's neighbourhood
    join_frames: bool = False  # before a stem that knows no time; a PatchStem joins them itself
    stem: Stem
    position: Position
    upsampling: Literal["convex", "blocks"] = "convex"  # where the stem shrinks the frames
    flow_scale: float = 20.0  # the network's own unit, in pixels


@frozen()
class OpticalFlowConfig(TaskConfig):
    model: OpticalFlowModelConfig


# === Preprocess, encode, process, decode, postprocess: the model ===


def grid_of(config: OpticalFlowModelConfig) -> tuple[int, int]:
    """(how much the stem shrinks each side, how many frames' elements the array holds)."""
    stem = config.stem
    factor = 4**stem.num_layers if isinstance(stem, ConvStem) else stem.spatial_downsample
    joined = config.join_frames or getattr(stem, "temporal_downsample", 1) == 2
    return factor, 1 if joined else 2


@keras.saving.register_keras_serializable(package="perceiver_keras")
class OpticalFlow(TaskModel):
    """Perceiver IO for optical flow: frames [B, 2, H, W, C] in [-1, 1] -> flow [B, H, W, 2], pixels."""

    task_name = "optical_flow"
    config_class = OpticalFlowModelConfig

    def __init__(self, config: OpticalFlowModelConfig, **kwargs: Any):
        shared = {
            "activation": config.activation,
            "attention_memory_mb": config.attention_memory_mb,
        }
        factor, frames = grid_of(config)
        decode = dataclasses.replace(
            config.decode, output_dim=decoded_channels(factor, config.upsampling), zero_init=True
        )
        super().__init__(
            config,
            preprocess=FlowPreprocess(
                patch_size=config.patch_size,
                join_frames=config.join_frames,
                stem=config.stem,
                position=config.position,
                name="preprocess",
            ),
            encode=Encode(config.encode, **shared, name="encode"),
            process=Process(config.process, **shared, name="process"),
            query=InputQuery(frames=frames, name="query"),
            decode=Decode(decode, **shared, name="decode"),
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

    def predict_flow(self, frame1: Any, frame2: Any, tiling: str = "minimal") -> Any:
        """Flow [H, W, 2] in pixels of two frames of any size, or a list for lists; see `flow_prediction`."""
        return flow_prediction.predict_flow(self, frame1, frame2, tiling)


# === Presets ===


def _paper(patch_size: int) -> OpticalFlowConfig:
    """Tab. 16 with both frames joined at full size; 480 epochs of 400,000 pairs (App. H)."""
    return OpticalFlowConfig(
        data=DataConfig(dataset="autoflow", batch_size=512),
        model=OpticalFlowModelConfig(
            image_size=(368, 496),
            patch_size=patch_size,
            stem=PatchStem(temporal_downsample=2, linear_channels=64),
            position=FourierPosition(num_bands=64, max_resolution=(368, 496)),
            encode=EncodeConfig(num_latents=2048, latent_dim=512),
            process=ProcessConfig(num_self_attention_layers=24, num_self_attention_heads=16),
            decode=DecodeConfig(),
        ),
        train=TrainConfig(
            steps=375_000,
            learning_rate=4e-4,
            precision="mixed_bfloat16",
            evaluate_every=5000,
            checkpoint_every=1000,
        ),
        evaluate=EvaluateConfig(thresholds={"aepe_gain": 0.5}, batch_size=1),
    )


PRESETS = {
    "optical_flow": Preset(
        config=_paper(patch_size=3),
        source="released; paper Tab. 3: Sintel 1.81 / 2.42, KITTI 4.98 px",
    ),
    "optical_flow_pixels": Preset(
        config=_paper(patch_size=1),
        source="paper Tab. 16, 1x1 patches, frames joined: Sintel 1.91 / 2.56, KITTI 5.39 px",
    ),
}
