"""The claim about Table 2: all rows start from one language model and see the examples as often."""

from __future__ import annotations

from perceiver_keras.miniature.claims.multitask import CLAIM, judge
from perceiver_keras.miniature.outcome import FAILS, HOLDS
from tests.miniature.quickly import measured_quickly


def test_it_runs_at_a_tiny_size(eager, tmp_path):
    records = measured_quickly(CLAIM, tmp_path, "task_tokens", "single")
    single = records["single"][0]
    assert "glue cola" in single["curves"] and "glue" in records["task_tokens"][0]["curves"]
    assert single["numbers"]["glue_average"] == single["numbers"]["cola_matthews"]


def test_its_judge():
    def records(query):
        return {
            arm.name: {
                seed: {
                    "numbers": {
                        "glue_average": query if arm.name == "query" else 0.6 + 0.001 * seed
                    }
                }
                for seed in range(3)
            }
            for arm in CLAIM.arms
        }

    assert judge(records(0.6)).verdict == HOLDS
    assert judge(records(0.5)).verdict == FAILS
