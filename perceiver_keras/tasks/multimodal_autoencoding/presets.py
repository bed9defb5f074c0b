"""Settings of multimodal autoencoding: what can be set, and the named settings with their source."""

from __future__ import annotations

from typing import Literal

from perceiver_keras import config as c
from perceiver_keras.tasks.task import Preset

# === What can be set ===


@c.frozen()
class MultimodalAutoencoderConfig(c.PerceiverConfig):
    """The model: the sizes of a clip, of its patches and of the queries."""

    num_frames: int  # frames of a clip [frames]
    image_size: tuple[int, ...]  # height, width [pixels]
    channels: int = 3  # channels of a frame, 3 for colour [channels]
    image_patch: int = 4  # side of a patch of one frame [pixels]
    image_bands: int = 32  # frequencies per dimension of the frames' positions [bands]
    audio_samples: int  # samples of a clip's sound [samples]
    samples_per_patch: int = 16  # length of a patch of sound [samples]
    audio_bands: int = 192  # frequencies of the sound's positions [bands]
    num_classes: int  # classes of the label [classes]
    # How the frequencies of positions are rounded: exactly, as the official code does, or as the port does
    position_arithmetic: Literal["exact", "official", "port"] = "exact"
    label_query_dim: int = 1024  # numbers of the label's learned query [channels]
    input_padding: int = 4  # least padding of each input modality [channels]
    query_padding: int = 2  # least padding of each query modality [channels]
    # Modality -> probability that an element of it is masked in training; 0 for those left out [share]
    mask_probs: dict[str, float]
    # Modality -> the same in evaluation and serving [share]
    inference_mask_probs: dict[str, float]


@c.frozen()
class ClipData(c.DataConfig):
    """How many outputs of an example training asks for, drawn anew each time; None: all."""

    image_points: int | None = None  # pixels asked for per example in training; null: all [pixels]
    audio_points: int | None = None  # patches of sound asked for in training; null: all [patches]


@c.frozen()
class ClipTrain(c.TrainConfig):
    """Weights of the three errors in the loss (paper, App. I)."""

    image_weight: float = 0.03  # weight of the mean absolute error of pixels [factor]
    audio_weight: float = 1.0  # weight of the mean absolute error of samples [factor]
    label_weight: float = 0.0001  # weight of the label's cross-entropy in nats [factor]


@c.frozen()
class MultimodalAutoencodingConfig(c.TaskConfig):
    data: ClipData
    model: MultimodalAutoencoderConfig
    train: ClipTrain


# === Presets ===


TINY = MultimodalAutoencodingConfig(
    data=ClipData(
        dataset="perceiver_clips",
        batch_size=32,
        shuffle_buffer=2000,
        image_points=128,
        audio_points=32,
    ),
    model=MultimodalAutoencoderConfig(
        num_frames=4,
        image_size=(16, 16),
        image_bands=8,
        audio_samples=1280,
        audio_bands=16,
        num_classes=4,
        label_query_dim=32,
        mask_probs={"label": 0.5},
        inference_mask_probs={"label": 1.0},
        encode=c.EncodeConfig(
            num_latents=32, latent_dim=64, num_cross_attention_heads=4, qk_dim=64, v_dim=64
        ),
        process=c.ProcessConfig(num_self_attention_layers=3, num_self_attention_heads=4),
        decode=c.DecodeConfig(num_cross_attention_heads=4, qk_dim=64, v_dim=64, output_dim=64),
    ),
    train=ClipTrain(
        steps=5000,
        learning_rate=4e-3,
        warmup_steps=200,
        clip_norm=10.0,
        weight_decay=0.01,
        ema_decay=0.99,
        image_weight=3.0,
        label_weight=0.1,
    ),
    evaluate=c.EvaluateConfig(
        thresholds={"video_psnr": 20.0, "audio_psnr": 30.0, "accuracy": 0.9}, batch_size=100
    ),
)
PRESETS = {
    "tiny": Preset(
        config=TINY,
        source="ours: rendered shapes with tones; other weights in the loss than the paper's",
    ),
    "video_autoencoding": Preset(
        config=MultimodalAutoencodingConfig(
            data=ClipData(
                dataset="video_folder", batch_size=1024, image_points=512, audio_points=512
            ),
            model=MultimodalAutoencoderConfig(
                num_frames=16,
                image_size=(224, 224),
                audio_samples=30_720,
                num_classes=700,
                mask_probs={"label": 0.5},
                inference_mask_probs={"label": 1.0},
                encode=c.EncodeConfig(num_latents=784, latent_dim=512),
                process=c.ProcessConfig(num_self_attention_layers=8, num_self_attention_heads=8),
                decode=c.DecodeConfig(output_dim=512),
            ),
            train=ClipTrain(
                steps=500_000,  # ours: the paper does not say
                learning_rate=1e-3,
                precision="mixed_bfloat16",
                evaluate_every=5000,
                checkpoint_every=1000,
            ),
            evaluate=c.EvaluateConfig(thresholds={"video_psnr": 20.0}, batch_size=1),
        ),
        source="released; paper Tab. 4: audio 26.97, video 24.37 dB PSNR, 10.2 % top-1",
        fine_tuning={"data": {"batch_size": 8}},
    ),
}
