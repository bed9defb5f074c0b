"""Fewer latents, lower PSNR; the label's weight trades against it (paper, Tab. 4 and App. I)."""

from __future__ import annotations

from perceiver_keras.miniature.claim import Arm, Claim, Records, by_seed
from perceiver_keras.miniature.outcome import Outcome, at_least
from perceiver_keras.miniature.trial import trained

TRAINING = {
    "task": "multimodal_autoencoding",
    "train.steps": 900,
    "train.log_every": 50,
    "train.evaluate_every": 300,
    "train.checkpoint_every": 300,
    "train.label_weight": 0.001,
    "tuned_by": "loss",
    "tuning_steps": 200,
    "rates": [2e-3, 4e-3],
}
NUMBERS = 4 * 16 * 16 * 3 + 1280  # of a clip
WIDTH = 64  # of a latent
LATENTS = (32, 8, 2)
LABEL_WEIGHT = 3.0  # of the arm that is for the label


def _arm(latents: int) -> Arm:
    ratio = NUMBERS / (latents * WIDTH)
    says = f"{latents} latents, {ratio:.1f} numbers of a clip for each of theirs"
    return Arm(f"{latents}_latents", {**TRAINING, "model.encode.num_latents": latents}, says)


def _for_label(arm: Arm) -> Arm:
    settings = {**arm.settings, "train.label_weight": LABEL_WEIGHT}
    return Arm(
        f"{arm.name}_label",
        settings,
        f"the same, with the label's weight {LABEL_WEIGHT:g} instead of 0.001",
    )


MANY, MIDDLE, FEW = map(_arm, LATENTS)
ARMS = (MANY, MIDDLE, FEW, _for_label(MIDDLE))


def judge(records: Records) -> Outcome:
    """PSNR falls with each step of compression, and a heavier label buys accuracy with PSNR."""
    many, middle, few, label = (by_seed(records, arm.name, "video_psnr") for arm in ARMS)
    light, heavy = (by_seed(records, arm.name, "accuracy") for arm in (MIDDLE, ARMS[3]))
    text = "video PSNR of {} minus {} latents is above 0 dB"
    return Outcome(
        statements=(
            at_least(text.format(*LATENTS[:2]), many, middle),
            at_least(text.format(*LATENTS[1:]), middle, few),
            at_least(
                "video PSNR of the light label minus the heavy one is above 0 dB", middle, label
            ),
            at_least(
                "accuracy of the heavy label minus the light one is above 0",
                heavy,
                light,
                percent=True,
            ),
        )
    )


CLAIM = Claim(
    name="compression",
    title="Fewer latents, lower PSNR; the label's weight trades against it",
    paper="Tab. 4, App. I",
    statement="784, 392 and 196 latents reconstruct Kinetics' video at 24.37, 24.27 and 23.21 dB PSNR and its sound at "
    "26.97, 25.33 and 14.15 dB; with the label's weight raised from 0.0001 to 1, top-1 rises from 10.2 % to 45 % and "
    "video falls to 20.7 dB.",
    miniature="the `tiny` model on its rendered clips with sound and four classes (16x16 pixels, four frames), with "
    "32, 8 and 2 latents of 64 channels; the label is masked half of the time in training, always in the test.",
    arms=ARMS,
    measure=trained,
    judge=judge,
    metric="video_psnr",
    unit="dB",
    minutes=16,
    reading="Going from 8 latents to 2 costs 1.2 dB in the mean of six seeds, as in the paper; 32 are ahead of 8 by "
    "less than seeds differ. 900 steps are too few for 32 latents to show what they can hold: after the 5,000 of the "
    "preset `tiny` they are at 23.1 dB. The heavy label can buy nothing here: of four classes the light one already "
    "tells all. What it costs in video can't be told: of each weight, one seed stays more than 1 dB below the mean of "
    "the others.",
    quick={
        "train.steps": 2,
        "rates": [],
        "data.max_examples": 16,
        "data.batch_size": 4,
        "train.evaluate_every": 2,
        "model.process.num_self_attention_layers": 1,
    },
)
