"""The claim about bytes: equal FLOPs, the real path, the judge."""

from __future__ import annotations

from perceiver_keras.miniature.claims.bytes import CLAIM, judge
from perceiver_keras.miniature.outcome import FAILS, HOLDS
from perceiver_keras.miniature.trial import configured, counted
from tests.miniature.quickly import measured_quickly


def test_the_arms_cost_the_same():
    costs = [counted(*configured(arm.settings, "mlm"))["training_flops"] for arm in CLAIM.arms]
    assert max(costs) / min(costs) < 1.05


def test_it_runs_at_a_tiny_size(eager, tmp_path):
    records = measured_quickly(CLAIM, tmp_path, "transformer_pieces")
    for found in records.values():
        numbers = found[0]["numbers"]
        assert 0 <= numbers["mlm_accuracy"] <= 1 and 0 <= numbers["glue_average"] <= 1
        assert {"mlm", "glue"} == found[0]["curves"].keys()


def test_its_judge():
    def records(perceiver):
        values = {"perceiver": perceiver, "transformer": 0.5, "transformer_pieces": 0.6}
        return {
            arm: {
                seed: {"numbers": {"glue_average": v + 0.001 * seed, "mlm_accuracy": v}}
                for seed in range(3)
            }
            for arm, v in values.items()
        }

    assert judge(records(0.6)).verdict == HOLDS
    assert judge(records(0.55)).verdict == FAILS
