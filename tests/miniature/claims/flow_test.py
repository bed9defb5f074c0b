"""The claim about flow: what its arms see, its judge, and a run of it."""

from __future__ import annotations

import pytest

from perceiver_keras.miniature.claims.flow import CLAIM, judge
from perceiver_keras.miniature.outcome import FAILS, HOLDS
from perceiver_keras.miniature.trial import configured, counted
from perceiver_keras.tasks.optical_flow.model import OpticalFlow
from tests.miniature.made_up import records_of
from tests.miniature.quickly import measured_quickly

# Errors relative to zero flow, in the order of the paper's Sintel final.
PUBLISHED = {"3x3_joined": 0.40, "3x3_apart": 0.45, "1x1_joined": 0.43, "1x1_apart": 0.44}


def test_frames_apart_are_twice_as_many_elements_and_patches_nine_times_the_channels():
    shapes = {}
    for arm in CLAIM.arms:
        model = OpticalFlow(configured(arm.settings)[1].model)
        shapes[arm.name] = model.preprocess.compute_output_shape([1, 2, 16, 24, 3])
        channels = model.preprocess._before_stem([1, 2, 16, 24, 3])[-1]
        assert channels == 3 * (9 if arm.name.startswith("3x3") else 1)
    assert shapes["3x3_joined"][1] == shapes["1x1_joined"][1] == 8 * 12
    assert shapes["3x3_apart"][1] == shapes["1x1_apart"][1] == 2 * 8 * 12


def test_frames_apart_cost_more():
    joined, apart = (counted(*configured(arm.settings))["flops"] for arm in CLAIM.arms[:2])
    assert apart > joined


def test_it_runs_at_a_tiny_size(eager, tmp_path):
    records = measured_quickly(CLAIM, tmp_path, "3x3_apart")
    for found in records.values():
        assert found[0]["numbers"]["relative_aepe"] > 0


@pytest.mark.parametrize(
    ("moved", "expected"),
    [
        ({}, HOLDS),
        ({"3x3_joined": 0.95}, FAILS),
        ({"1x1_joined": 0.3}, FAILS),
        ({"3x3_apart": 0.3}, FAILS),
    ],
)
def test_its_judge(moved, expected):
    given = {arm: {"relative_aepe": value} for arm, value in {**PUBLISHED, **moved}.items()}
    assert judge(records_of(given)).verdict == expected
