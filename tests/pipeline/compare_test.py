"""What differs between two runs, against SciPy's t tests."""

from __future__ import annotations

import copy
import json
import math
from pathlib import Path

import numpy as np
import pytest
from scipy import stats

from perceiver_keras.pipeline.compare import compare, differing, flat, of_place
from tests.pushed_runs import CONFIG, Runs, estimate, verdict


@pytest.fixture(scope="module")
def two(tmp_path_factory) -> tuple[Runs, Runs]:
    """The same data and other settings: 0.7 and 0.9 accuracy with a standard error of 0.02."""
    folder = tmp_path_factory.mktemp("two")
    one, other = Runs(folder / "one"), Runs(folder / "other")
    one.push(100, verdict=verdict(0.7))
    config = copy.deepcopy(CONFIG)
    config["train"]["steps"] = 20
    failing = verdict(0.9)
    failing["checks"][0]["passed"] = False
    other.push(100, verdict=failing, config=config)
    return one, other


def row(compared: dict, part: str = "metrics") -> dict:
    (found,) = compared[part]
    return found


def test_settings_data_code_checks_and_cost_are_next_to_each_other(two) -> None:
    found = compare(of_place(two[0].folder), of_place(two[1].folder / "pushed" / "100"))
    assert found["settings"] == {"train.steps": [10, 20]}
    assert found["data"]["fingerprint"] == ["f00d" * 16] * 2 and found["code"] == ["c0de"] * 2
    assert found["checks"] == {"threshold accuracy": [True, False]}
    assert found["cost"]["parameters"] == [7, 7] and found["cost"]["load_seconds"] == [2.5, 2.5]
    assert found["versions"] == ["100", "100"] and found["same_test"] is True
    json.dumps(found, allow_nan=False)


def test_the_difference_of_two_runs_is_welch_s(two) -> None:
    found = row(compare(of_place(two[0].folder), of_place(two[1].folder)))
    # Samples of 20 with these means and standard errors.
    spread = np.array([-1.0, 1.0] * 10)
    spread *= 0.02 * math.sqrt(20) / spread.std(ddof=1)
    welch = stats.ttest_ind(0.9 + spread, 0.7 + spread, equal_var=False)
    low, high = welch.confidence_interval(0.95)
    assert found["difference"] == pytest.approx(0.2) and not found["paired"]
    assert found["interval"] == pytest.approx([low, high], rel=1e-6)
    assert found["p_value"] == pytest.approx(welch.pvalue, rel=1e-3)
    assert found["better"] == "other"


def test_within_a_run_folder_the_gate_s_pairs_are_taken(tmp_path: Path) -> None:
    runs = Runs(tmp_path)
    first = runs.push(100, verdict=verdict(0.88))
    paired = estimate(0.02, 0.005)
    runs.push(200, verdict=verdict(0.9, last=0.88, difference=paired), baseline=first)
    old, new = (of_place(runs.folder / "pushed" / str(version)) for version in (100, 200))
    found = row(compare(old, new))
    assert found["paired"] and found["better"] == "other"  # unpaired, 0.02 ± 0.06 says nothing
    half = stats.t.ppf(0.975, 19) * 0.005
    assert found["interval"] == pytest.approx([0.02 - half, 0.02 + half])
    assert not row(compare(new, old))["paired"]


def test_of_equal_runs_nothing_is_better(two) -> None:
    found = compare(of_place(two[0].folder), of_place(two[0].folder))
    assert found["settings"] == {} and found["checks"] == {}
    assert row(found)["better"] is None and row(found)["difference"] == 0
    assert row(found, "slices")["slice"] == "label=7" and row(found, "slices")["better"] is None


def test_lower_is_better_turns_the_verdict(two) -> None:
    one, other = of_place(two[0].folder), of_place(two[1].folder)
    one["evaluation"]["lower_is_better"] = ["accuracy"]
    assert row(compare(one, other))["better"] == "one"


def test_of_many_slices_a_few_that_differ_by_chance_are_not_called_better(two) -> None:
    """200 slices, none of which differs: without correction, ten would seem to."""
    rng = np.random.default_rng(0)
    sides = [of_place(side.folder) for side in two]
    for side in sides:
        side["evaluation"]["slices"] = [
            {
                "slice": f"label={n}", "examples": 50,
                "metrics": {"accuracy": estimate(0.8 + float(rng.normal(0, 0.05)), 0.05)},
            }
            for n in range(200)
        ]  # fmt: skip
    rows = compare(*sides)["slices"]
    assert sum(row["p_value"] < 0.05 for row in rows) > 2
    assert [row for row in rows if row["better"]] == []


def test_runs_without_intervals_and_numbers_that_are_none_are_compared_as_far_as_they_go(
    two,
) -> None:
    one, other = of_place(two[0].folder), of_place(two[1].folder)
    one["evaluation"]["metrics"] = {"accuracy": {"value": 0.7}, "loss": {"value": "nan"}}
    found = {row["metric"]: row for row in compare(one, other)["metrics"]}
    assert found["accuracy"]["difference"] == pytest.approx(0.2)
    assert found["accuracy"]["interval"] is None and found["accuracy"]["better"] is None
    assert found["loss"]["difference"] is None


def test_other_data_is_another_test_split(two) -> None:
    one, other = of_place(two[0].folder), of_place(two[1].folder)
    other["data"]["fingerprint"] = "another"
    assert compare(one, other)["same_test"] is False
    other["data"]["fingerprint"] = None
    assert compare(one, other)["same_test"] is None


def test_settings_are_flat_keys() -> None:
    assert flat({"a": {"b": 1, "c": {}}, "d": [1]}) == {"a.b": 1, "a.c": {}, "d": [1]}
    assert differing({"a": 1, "b": 2}, {"b": 2, "c": 3}) == {"a": [1, None], "c": [None, 3]}
