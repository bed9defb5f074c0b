"""Settings of multimodal autoencoding: what can be set, and the named settings with their source."""

from __future__ import annotations

from typing import Literal

from perceiver_keras import config as c
from perceiver_keras.tasks.task import Preset

# === What can be set ===


@c.frozen()
class MultimodalAutoencoderConfig(c.PerceiverConfig):
    """The model: the sizes of a clip, of its patches and of the queries."""

    num_frames: int
    image_size: tuple[int, ...]  # height, width
    channels: int = 3
    image_patch: int = 4  # side in pixels, of one frame
    image_bands: int = 32
    audio_samples: int
    samples_per_patch: int = 16
    audio_bands: int = 192
    num_classes: int
    position_arithmetic: Literal["exact", "official", "port"] = "exact"  # see FourierPosition
    label_query_dim: int = 1024
    input_padding: int = 4  # each input modality is padded by at least this many channels
    query_padding: int = 2  # and each query modality by this many
    # Probability that an element is replaced by its modality's mask token; modalities left out: 0.
    mask_probs: dict[str, float]  # in training
    inference_mask_probs: dict[str, float]


@c.frozen()
class ClipData(c.DataConfig):
    """How many outputs of an example training asks for, drawn anew each time; None: all."""

    image_points: int | None = None  # pixels
    audio_points: int | None = None  # patches of sound


@c.frozen()
class ClipTrain(c.TrainConfig):
    """Weights of the three errors in the loss (paper, App. I)."""

    image_weight: float = 0.03  # mean absolute error of pixels
    audio_weight: float = 1.0  # and of samples
    label_weight: float = 0.0001  # cross-entropy, nats


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
        steps=1200,
        learning_rate=4e-3,
        warmup_steps=200,
        clip_norm=10.0,
        weight_decay=0.01,
        ema_decay=0.99,
        image_weight=3.0,
        label_weight=0.1,
    ),
    evaluate=c.EvaluateConfig(
        thresholds={"video_psnr": 17.0, "audio_psnr": 22.0, "accuracy": 0.9}, batch_size=100
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
    ),
}
