"""Settings of image classification: what can be set, and the named settings with their source."""

from __future__ import annotations

import dataclasses
from typing import Literal

from perceiver_keras import config as c
from perceiver_keras.data import image
from perceiver_keras.tasks.task import Preset

# === What can be set ===


@c.frozen()
class ImageData(c.DataConfig):
    """How a stored image becomes the model's input."""

    # How training changes a picture: not at all, moves it a little, crops and flips it, or also recolours and bends it
    augment: Literal["none", "affine", "inception", "randaugment"] = "none"
    randaugment_layers: int = 4  # operations in a row by augment=randaugment [operations]
    randaugment_magnitude: float = 5.0  # their strength, 0 to 10 [1]
    # How training makes one picture of two: not at all, blended, one in a box of the other, or half of a batch each
    mixing: Literal["none", "mixup", "cutmix", "both"] = "none"
    mixup_alpha: float = 0.2  # of the Beta distribution that the blend's shares are drawn from [1]
    degrees: float = 8.0  # largest rotation by augment=affine [degrees]
    scale: float = 0.1  # largest change of each side by augment=affine [share]
    shift: float = 0.8  # largest translation by augment=affine [pixels]
    mean: tuple[float, ...] = image.IMAGENET_MEAN  # subtracted from each channel [of 0 to 255]
    std: tuple[float, ...] = image.IMAGENET_STDDEV  # by which each channel is divided [of 0 to 255]


@c.frozen()
class ImageClassifierConfig(c.PerceiverConfig):
    """The model: a stem, positions, encode, process, and one learned query of `query_dim` channels."""

    image_size: tuple[int, ...]  # height, width [pixels]
    channels: int = 3  # channels of a picture: 1 for grey, 3 for colour [channels]
    num_classes: int  # classes, of which one is right [classes]
    stem: c.Stem  # how the picture becomes elements
    position: c.Position  # what is appended to each element
    query_dim: int  # Q, numbers of the learned query [channels]


@c.frozen()
class ImageClassificationConfig(c.TaskConfig):
    data: ImageData
    model: ImageClassifierConfig


# === Presets ===


TINY = ImageClassificationConfig(
    data=ImageData(
        dataset="perceiver_digits",
        augment="affine",
        mean=(127.5,),
        std=(127.5,),
        batch_size=64,
        shuffle_buffer=2000,
    ),
    model=ImageClassifierConfig(
        image_size=(8, 8),
        channels=1,
        num_classes=10,
        stem=c.PatchStem(spatial_downsample=2),
        position=c.FourierPosition(num_bands=4),
        query_dim=64,
        encode=c.EncodeConfig(
            num_latents=16,
            latent_dim=64,
            num_cross_attention_heads=4,
            qk_dim=64,
            v_dim=64,
            dropout=0.1,
        ),
        process=c.ProcessConfig(
            num_self_attention_layers=3, num_self_attention_heads=4, dropout=0.1
        ),
        decode=c.DecodeConfig(),
    ),
    train=c.TrainConfig(
        steps=2400,
        learning_rate=4e-3,
        warmup_steps=200,
        clip_norm=10.0,
        weight_decay=0.01,
        label_smoothing=0.1,
        ema_decay=0.995,
    ),
    evaluate=c.EvaluateConfig(thresholds={"accuracy": 0.97}, batch_size=256),
)


def _imagenet(
    stem: c.Stem, position: c.Position, use_query_residual: bool
) -> ImageClassificationConfig:
    """Configuration A (paper, Tab. 7) with the recipe of App. A.1: 110 epochs of 1,281,167 images at batch 1024."""
    return ImageClassificationConfig(
        data=ImageData(
            dataset="imagenet2012",
            test_split="validation",
            train_split="train[10000:]",
            validation_split="train[:10000]",
            augment="randaugment",
            mixing="both",
            batch_size=1024,
        ),
        model=ImageClassifierConfig(
            image_size=(224, 224),
            num_classes=1000,
            stem=stem,
            position=position,
            query_dim=1024,
            encode=c.EncodeConfig(num_latents=512, latent_dim=1024),
            process=c.ProcessConfig(
                num_self_attention_layers=6, num_self_attention_heads=8, num_blocks=8
            ),
            decode=c.DecodeConfig(use_query_residual=use_query_residual),
        ),
        train=c.TrainConfig(
            steps=137_625,
            learning_rate=2e-3,
            schedule="constant_then_cosine",
            weight_decay=0.1,
            clip_norm=10.0,
            label_smoothing=0.1,
            precision="mixed_bfloat16",
            evaluate_every=5000,
            checkpoint_every=1000,
        ),
        evaluate=c.EvaluateConfig(thresholds={"accuracy": 0.7}, batch_size=256),
    )


def _larger(stem: c.Stem, learning_rate: float) -> ImageClassificationConfig:
    """Configuration B (Tab. 7, App. A.2): 16 layers without shared weights, MLPs four times as wide.

    212.0M and 212.2M parameters; the paper says 212M. It does not state the number of latents: with 384 the model
    costs about 203B FLOPs (with convolutions 171B) where the paper says 213B (176B); with 512 it costs more than that.
    The recipe is that of fine-tuning, 131,000 steps, of which 70,000 at a constant rate, from weights trained on JFT,
    which are unavailable outside Google. docs/recipes.md has the settings of that pre-training, for other pictures.
    """
    base = _imagenet(stem, c.FourierPosition(num_bands=64), True)
    return dataclasses.replace(
        base,
        model=dataclasses.replace(
            base.model,
            encode=c.EncodeConfig(num_latents=384, latent_dim=1024),
            process=c.ProcessConfig(
                num_self_attention_layers=16, num_self_attention_heads=8, widening_factor=4
            ),
        ),
        train=dataclasses.replace(
            base.train, steps=131_000, constant_steps=70_000, learning_rate=learning_rate
        ),
    )


PRESETS = {
    "tiny": Preset(config=TINY, source="ours: real 8x8 digits, two minutes on two CPU cores"),
    "imagenet_learned_position_encoding": Preset(
        config=_imagenet(
            c.Conv1x1Stem(channels=256), c.LearnedPosition(channels=256, project_dim=256), False
        ),
        source="released; paper Tab. 7: 72.7 % top-1",
    ),
    "imagenet_fourier_position_encoding": Preset(
        config=_imagenet(c.PixelStem(), c.FourierPosition(num_bands=64), True),
        source="released; paper Tab. 7: 79.0 % top-1",
    ),
    "imagenet_conv_preprocessing": Preset(
        config=_imagenet(c.ConvStem(), c.FourierPosition(num_bands=64), True),
        source="released; paper Tab. 7: 82.1 % top-1",
        # Fine-tuning takes a tenth of the rate of models without convolutions (App. A.2): of 3.5e-4.
        fine_tuning={"train": {"learning_rate": 3.5e-5}},
    ),
    "imagenet_b_fourier_position_encoding": Preset(
        config=_larger(c.PixelStem(), 2e-3),
        source="paper Tab. 7, configuration B after JFT: 84.5 % top-1; 384 latents from its FLOPs",
    ),
    "imagenet_b_conv_preprocessing": Preset(
        config=_larger(c.ConvStem(), 2e-4),
        source="paper Tab. 7, configuration B after JFT: 86.4 % top-1; 384 latents from its FLOPs",
    ),
}
