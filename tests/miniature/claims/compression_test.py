"""The claim about compression: how far its arms compress, its judge, and a run of it."""

from __future__ import annotations

import pytest

from perceiver_keras.miniature.claims import compression
from perceiver_keras.miniature.claims.compression import CLAIM, judge
from perceiver_keras.miniature.outcome import FAILS, HOLDS
from perceiver_keras.miniature.trial import configured
from tests.miniature.made_up import records_of
from tests.miniature.quickly import measured_quickly

MANY, MIDDLE, FEW, LABEL = (arm.name for arm in CLAIM.arms)
# Tab. 4, and the run with the label's weight at 1.
PSNR = {MANY: 24.37, MIDDLE: 24.27, FEW: 23.21, LABEL: 20.7}
ACCURACY = {MANY: 0.102, MIDDLE: 0.086, FEW: 0.115, LABEL: 0.45}


def test_a_clip_has_more_numbers_than_its_latents_and_arms_differ_in_one_setting():
    for arm in CLAIM.arms:
        model = configured(arm.settings)[1].model
        inputs = model.num_frames * model.channels * model.image_size[0] * model.image_size[1]
        assert inputs + model.audio_samples == compression.NUMBERS
        assert model.encode.latent_dim == compression.WIDTH
        assert 2 * model.encode.num_latents * model.encode.latent_dim < compression.NUMBERS
    light, heavy = CLAIM.arm(MIDDLE).settings, CLAIM.arm(LABEL).settings
    assert {name for name in heavy if heavy[name] != light[name]} == {"train.label_weight"}


def test_it_runs_at_a_tiny_size(eager, tmp_path):
    records = measured_quickly(CLAIM, tmp_path, FEW)
    for found in records.values():
        assert {"video_psnr", "audio_psnr", "accuracy"} <= set(found[0]["numbers"])


@pytest.mark.parametrize(
    ("psnr", "accuracy", "expected"),
    [
        ({}, {}, HOLDS),
        ({FEW: 24.5}, {}, FAILS),
        ({MIDDLE: 24.6}, {}, FAILS),
        ({LABEL: 24.5}, {}, FAILS),
        ({}, {LABEL: 0.05}, FAILS),
    ],
)
def test_its_judge(psnr, accuracy, expected):
    given = {
        arm: {"video_psnr": psnr.get(arm, PSNR[arm]), "accuracy": accuracy.get(arm, ACCURACY[arm])}
        for arm in PSNR
    }
    assert judge(records_of(given)).verdict == expected
