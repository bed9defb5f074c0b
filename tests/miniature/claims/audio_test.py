"""The claim about audio: what its arms take, its judge, and a run of it."""

from __future__ import annotations

import pytest

from perceiver_keras.miniature.claims.audio import CLAIM, judge
from perceiver_keras.miniature.outcome import FAILS, HOLDS
from perceiver_keras.miniature.trial import configured
from perceiver_keras.tasks.audio_classification.model import AudioClassifier, input_spec
from tests.miniature.made_up import records_of
from tests.miniature.quickly import measured_quickly

PUBLISHED = {"mel_video": 0.449, "raw_video": 0.433, "mel": 0.40, "raw": 0.38}


def test_mel_has_one_element_per_square_and_raw_one_per_32_samples_and_both_last_as_long():
    elements = {}
    for arm in CLAIM.arms:
        model = AudioClassifier(configured(arm.settings)[1].model)
        shapes = {name: [1, *spec.shape] for name, spec in input_spec(model.config).items()}
        assert ("image" in shapes) == arm.name.endswith("video")
        elements[arm.name] = model.preprocess.compute_output_shape(shapes)[1]
    assert elements == {"mel_video": 40 + 16, "raw_video": 80 + 16, "mel": 40, "raw": 80}


def test_it_runs_at_a_tiny_size(eager, tmp_path):
    records = measured_quickly(CLAIM, tmp_path, "mel_video")
    for found in records.values():
        assert 0 <= found[0]["numbers"]["mean_average_precision"] <= 1


@pytest.mark.parametrize(
    ("moved", "expected"),
    [
        ({}, HOLDS),
        ({"raw_video": 0.46}, FAILS),
        ({"mel": 0.3}, FAILS),
        ({"mel": 0.46}, FAILS),
        ({"raw": 0.45, "mel": 0.448}, FAILS),
    ],
)
def test_its_judge(moved, expected):
    given = {
        arm: {"mean_average_precision": value} for arm, value in {**PUBLISHED, **moved}.items()
    }
    assert judge(records_of(given)).verdict == expected
