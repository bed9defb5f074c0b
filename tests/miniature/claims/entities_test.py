"""The claim about entities: what its arms cost, its judge, and a run of it."""

from __future__ import annotations

import pytest

from perceiver_keras.miniature.claims.entities import CLAIM, judge
from perceiver_keras.miniature.outcome import FAILS, HOLDS
from perceiver_keras.miniature.trial import configured, counted
from tests.miniature.made_up import records_of
from tests.miniature.quickly import measured_quickly

COST = {"perceiver": {"flops": 0.93e9}, "transformer": {"flops": 3.3e9}}  # Tab. 9
NUMBERS = {"target_accuracy": 0.87, "winner_accuracy": 0.87}
PUBLISHED = {
    "perceiver": NUMBERS | {"steps_per_second": 3.0},
    "transformer": NUMBERS | {"steps_per_second": 2.9},
}


def test_arms_have_about_the_same_parameters_and_the_perceiver_a_third_of_the_flops():
    ours, theirs = (counted(*configured(arm.settings)) for arm in CLAIM.arms)
    assert ours["parameters"] == pytest.approx(theirs["parameters"], rel=0.75)
    assert ours["flops"] < theirs["flops"] / 3


def test_both_arms_are_tuned_from_the_same_rates_for_as_many_steps():
    names = ("rates", "tuning_steps", "tuned_by", "train.steps", "data.batch_size")
    ours, theirs = (arm.settings for arm in CLAIM.arms)
    assert [ours[name] for name in names] == [theirs[name] for name in names]


def test_it_runs_at_a_tiny_size(eager, tmp_path):
    records = measured_quickly(CLAIM, tmp_path)
    for found in records.values():
        assert found[0]["numbers"]["steps_per_second"] > 0


@pytest.mark.parametrize(
    ("arm", "numbers", "flops", "expected"),
    [
        ("perceiver", {}, 0.93e9, HOLDS),
        ("perceiver", {"target_accuracy": 0.8}, 0.93e9, FAILS),
        ("perceiver", {"winner_accuracy": 0.8}, 0.93e9, FAILS),
        ("perceiver", {"steps_per_second": 2.0}, 0.93e9, FAILS),
        ("perceiver", {}, 2e9, FAILS),
    ],
)
def test_its_judge(arm, numbers, flops, expected):
    given = PUBLISHED | {arm: PUBLISHED[arm] | numbers}
    assert judge(records_of(given, COST | {arm: {"flops": flops}})).verdict == expected
