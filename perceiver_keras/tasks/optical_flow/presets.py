"""Settings of optical flow: what can be set, and the presets with their sources."""

from __future__ import annotations

from typing import Any, Literal

from perceiver_keras import config as c
from perceiver_keras.data.flow.augment import FlowAugmentation
from perceiver_keras.tasks.task import Preset

# === Configuration ===


@c.frozen()
class FlowData(c.DataConfig):
    """How a stored pair becomes the model's input.

    A run has up to three phases: augmentation grows from nothing to full strength, stays there, and is finally
    switched off; in this last phase each pair is fed forward one time and reversed the next (paper, App. H).
    """

    # Changes to the pairs; null: only the crop's place is random
    augmentation: FlowAugmentation | None = None
    growing: float = 0.0  # part of the run in which augmentation grows to full strength [share]
    # Part of the run, at its end, without augmentation and half of it reversed [share]
    plain: float = 0.0


@c.frozen()
class OpticalFlowModelConfig(c.PerceiverConfig):
    """The model. `image_size` is the size it was trained at; it runs at other sizes, but was not trained for them."""

    image_size: tuple[int, ...]  # height, width [pixels]
    channels: int = 3  # channels of a frame, 3 for colour [channels]
    patch_size: int = 3  # side of each pixel's neighbourhood, which is its input [pixels]
    # Whether the frames become one picture, before a stem without time; a PatchStem joins them itself
    join_frames: bool = False
    # Side of the window by which each pixel is normalised; null: it is not [pixels]
    contrast_window: int | None = None
    stem: c.Stem  # how the frames become elements
    position: c.Position  # what is appended to each element
    # How flow returns to full size, if the stem shrinks frames
    upsampling: Literal["convex", "blocks"] = "convex"
    flow_scale: float = 20.0  # the network's own unit of motion [pixels]


@c.frozen()
class OpticalFlowConfig(c.TaskConfig):
    data: FlowData
    model: OpticalFlowModelConfig


# === Presets ===


def _paper(**model: Any) -> OpticalFlowConfig:
    """The models of the paper's Tab. 16: 480 epochs of 400,000 pairs at batch 512, LAMB, cosine (App. H).

    The paper does not state how fast the augmentation grows or how long the last phase is; these shares of the run
    are ours. The scales are those that AutoFlow's repository uses for these images, a tenth of which is public.
    """
    shape = {
        "image_size": (368, 496),
        "patch_size": 3,
        "stem": c.PatchStem(temporal_downsample=2, linear_channels=64),
        "position": c.FourierPosition(num_bands=64, max_resolution=(368, 496)),
        "encode": c.EncodeConfig(num_latents=2048, latent_dim=512),
        "process": c.ProcessConfig(num_self_attention_layers=24, num_self_attention_heads=16),
        "decode": c.DecodeConfig(),
    }
    return OpticalFlowConfig(
        data=FlowData(
            dataset="autoflow_static",
            batch_size=512,
            shuffle_buffer=2000,
            validation_split="train[-1%:]",
            test_split="train[-1%:]",
            train_split="train[:-1%]",
            augmentation=FlowAugmentation(min_scale=0.2, max_scale=1.0),
            growing=0.5,
            plain=0.1,
        ),
        model=OpticalFlowModelConfig(**shape | model),
        train=c.TrainConfig(
            steps=375_000,
            learning_rate=4e-4,
            precision="mixed_bfloat16",
            evaluate_every=5000,
            checkpoint_every=1000,
        ),
        evaluate=c.EvaluateConfig(thresholds={"relative_aepe": 0.5}, batch_size=1),
    )


APART = {  # one frame's elements after the other's, with a position in time
    "stem": c.PatchStem(linear_channels=64),
    "position": c.FourierPosition(num_bands=64, max_resolution=(2, 368, 496)),
}
CONV = {
    "patch_size": 1,
    "stem": c.ConvStem(channels=64, num_layers=1),
    "join_frames": True,
    "position": c.FourierPosition(num_bands=64, max_resolution=(92, 124)),
}
CONV_APART = CONV | {
    "join_frames": False,
    "position": c.FourierPosition(num_bands=64, max_resolution=(2, 92, 124)),
}
SMALL = {
    "encode": c.EncodeConfig(num_latents=1024, latent_dim=512),
    "process": c.ProcessConfig(num_self_attention_layers=16, num_self_attention_heads=16),
}
_TIMES = "how they are joined to positions in time is not stated: as video's are"
_CONV = "convolution and RAFT's upsampling by 4; kernels not stated: as the image models'"

TINY = OpticalFlowConfig(
    data=FlowData(
        dataset="perceiver_flow",
        batch_size=32,
        shuffle_buffer=6000,
        # Frames this small leave no room for boxes and scaling, and what changed colours teach is more than a model
        # this small can learn.
        augmentation=FlowAugmentation(
            brightness=0.0,
            contrast=0.0,
            saturation=0.0,
            hue=0.0,
            apart=0.0,
            eraser=0.0,
            resize=0.0,
            flip_vertical=0.5,
            crop_margin=0,
        ),
    ),
    model=OpticalFlowModelConfig(
        image_size=(16, 24),
        patch_size=5,  # motion is up to 2 pixels either way
        contrast_window=7,
        stem=c.PatchStem(spatial_downsample=2, temporal_downsample=2, linear_channels=64),
        position=c.FourierPosition(num_bands=8),
        upsampling="blocks",
        encode=c.EncodeConfig(
            num_latents=32,
            latent_dim=128,
            num_cross_attention_heads=8,
            qk_dim=128,
            v_dim=128,
            latent_init_scale=1.0,  # latents that begin alike take long to part
        ),
        process=c.ProcessConfig(num_self_attention_layers=2, num_self_attention_heads=8),
        decode=c.DecodeConfig(num_cross_attention_heads=8, qk_dim=128, v_dim=128),
    ),
    train=c.TrainConfig(
        steps=12_000,
        learning_rate=2e-3,
        warmup_steps=100,
        optimizer="adamw",
        clip_norm=1.0,
        ema_decay=0.995,
    ),
    evaluate=c.EvaluateConfig(thresholds={"relative_aepe": 0.5}, batch_size=64),
)

PRESETS = {
    "tiny": Preset(config=TINY, source="ours: photographs that move, minutes on two CPU cores"),
    "optical_flow": Preset(
        config=_paper(),
        source="released; paper Tab. 3: Sintel 1.81 / 2.42, KITTI 4.98 px",
        fine_tuning={"data": {"batch_size": 8}},
    ),
    "optical_flow_apart": Preset(
        config=_paper(**APART),
        source=f"paper Tab. 16, 3x3 patches, frames not joined: 1.78 / 2.70, 6.19 px; {_TIMES}",
    ),
    "optical_flow_pixels": Preset(
        config=_paper(patch_size=1),
        source="paper Tab. 16, 1x1 patches, frames joined: Sintel 1.91 / 2.56, KITTI 5.39 px",
    ),
    "optical_flow_pixels_apart": Preset(
        config=_paper(patch_size=1, **APART),
        source=f"paper Tab. 16, 1x1 patches, frames not joined: 1.72 / 2.63, 5.93 px; {_TIMES}",
    ),
    "optical_flow_conv": Preset(
        config=_paper(**CONV),
        source=f"paper Tab. 16, downsampled, frames joined: 1.84 / 2.52, 4.83 px; {_CONV}",
    ),
    "optical_flow_conv_apart": Preset(
        config=_paper(**CONV_APART),
        source=f"paper Tab. 16, downsampled, frames not joined: 1.90 / 2.53, 6.66 px; {_CONV}",
    ),
    "optical_flow_conv_small": Preset(
        config=_paper(**CONV, **SMALL),
        source=f"paper Tab. 16, downsampled, 16 layers, 1024 latents: 2.06 / 2.67, 6.12 px; {_CONV}",
    ),
}
