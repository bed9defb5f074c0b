"""The claim about latents: its arms cost the same, and it runs from tuning to outcome."""

from __future__ import annotations

import pytest

from perceiver_keras.miniature.claims.latents import CLAIM, judge
from perceiver_keras.miniature.outcome import FAILS, HOLDS
from perceiver_keras.miniature.trial import configured, counted
from tests.miniature.quickly import measured_quickly


def test_the_arms_cost_the_same():
    costs = [counted(*configured(arm.settings))["training_flops"] for arm in CLAIM.arms]
    assert max(costs) / min(costs) < 1.02


def test_it_runs_at_a_tiny_size(tmp_path):
    arm = CLAIM.arms[0].name
    records = measured_quickly(CLAIM, tmp_path, arm)
    assert {name: sorted(found) for name, found in records.items()} == {arm: [0]}
    for found in records.values():
        assert 0 <= found[0]["numbers"]["accuracy"] <= 1
        assert found[0]["curves"].keys() == {"final"}


@pytest.mark.parametrize(("few", "expected"), [(0.3, HOLDS), (0.7, FAILS)])
def test_its_judge(few, expected):
    def records(base):
        return {seed: {"numbers": {"accuracy": base + 0.001 * seed**2}} for seed in range(3)}

    middle = {seed: {"numbers": {"accuracy": 0.5}} for seed in range(3)}
    names = [arm.name for arm in CLAIM.arms]
    given = dict(zip(names, (records(few), middle, records(0.5)), strict=True))
    assert judge(given).verdict == expected
