"""Learned, Fourier and convolutional input on real pictures (paper, Tab. 7)."""

from __future__ import annotations

from typing import Any

from perceiver_keras.miniature.claim import Arm, Claim, Records, by_seed
from perceiver_keras.miniature.outcome import Outcome, at_least
from perceiver_keras.miniature.trial import trained

TRAINING = {
    "task": "image_classification",
    "data.dataset": "perceiver_fashion",
    "data.train_split": "train[:20000]",
    "data.validation_split": "validation[:2000]",
    "data.augment": "none",
    "model.image_size": [28, 28],
    "model.encode.num_latents": 32,
    "train.steps": 900,
    "train.log_every": 50,
    "train.evaluate_every": 300,
    "train.checkpoint_every": 300,
    "tuned_by": "accuracy",
    "tuning_steps": 200,
    "rates": [2e-3, 4e-3, 8e-3],
}
FOURIER = {"kind": "FourierPosition", "num_bands": 8}
CHANCE = 0.1  # ten classes, equally common


def _arm(name: str, stem: dict[str, Any], position: dict[str, Any], says: str) -> Arm:
    residual = {"model.decode.use_query_residual": name != "learned"}  # as released
    return Arm(name, {**TRAINING, "model.stem": stem, "model.position": position, **residual}, says)


ARMS = (
    _arm(
        "learned",
        {"kind": "Conv1x1Stem", "channels": 32},
        {"kind": "LearnedPosition", "channels": 32, "project_dim": 32},
        "a Linear on each pixel, learned positions: nothing is known of space",
    ),
    _arm("fourier", {"kind": "PixelStem"}, FOURIER, "pixels and Fourier features of their places"),
    _arm("conv", {"kind": "ConvStem", "channels": 32}, FOURIER, "a convolution and pooling before"),
)


def judge(records: Records) -> Outcome:
    """All three train, far from chance, and conv > Fourier > learned."""
    learned, fourier, conv = (by_seed(records, arm.name, "accuracy") for arm in ARMS)
    chance = dict.fromkeys(learned, CHANCE)
    text = "accuracy of {} minus {} is above 0"
    return Outcome(
        statements=(
            at_least(
                "accuracy of learned minus chance is above 50",
                learned,
                chance,
                margin=0.5,
                percent=True,
            ),
            at_least(text.format("conv", "Fourier"), conv, fourier, percent=True),
            at_least(text.format("Fourier", "learned"), fourier, learned, percent=True),
        )
    )


CLAIM = Claim(
    name="inputs",
    title="Learned, Fourier and convolutional input all train; conv > Fourier > learned",
    paper="Tab. 7",
    statement="ImageNet top-1 is 72.7 % with learned positions, 79.0 % with Fourier features and 82.1 % with a "
    "convolution before.",
    miniature="Fashion-MNIST, 28x28 real pictures of clothes from the Debian package `dataset-fashion-mnist` "
    "(`apt-get install dataset-fashion-mnist`): 20,000 for training, 2,000 for tuning, the 10,000 test pictures for "
    "the figures. One small model of 32 latents; only stem and positions differ, as between the released models.",
    arms=ARMS,
    measure=trained,
    judge=judge,
    metric="accuracy",
    unit="%",
    percent=True,
    minutes=17,
    quick={
        "train.steps": 2,
        "rates": [],
        "data.train_split": "train",
        "data.validation_split": "validation",
        "data.batch_size": 4,
        "train.evaluate_every": 2,
        "model.process.num_self_attention_layers": 1,
    },
)
