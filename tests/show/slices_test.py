"""Tables of slices: the worst is found and marked, ranges keep their order, limits of slices are shown."""

from __future__ import annotations

import pytest

from perceiver_keras.show import slices
from tests.show import verdicts

EVALUATED = verdicts.verdict()["evaluated"]


def names(table) -> list[str]:
    return [row["name"] for row in table["first"] + table["rest"]]


def test_classes_are_sorted_from_the_worst_and_ranges_by_their_numbers() -> None:
    labels, words = slices.groups(EVALUATED, {"accuracy": 0.97})
    assert (labels["group"], words["group"]) == ("label", "text/words")
    assert names(labels) == ["4", "9", "8", "7", "6", "5", "3", "2", "1", "0"]
    assert names(words) == ["..10", "10..100", "100.."]
    assert [row["name"] for row in labels["first"] if row["worst"]] == ["4"]
    assert [row["name"] for row in words["first"] if row["worst"]] == ["..10"]


def test_a_fallen_slice_is_seen_to_be_worse() -> None:
    [labels, _] = slices.groups(EVALUATED, {"accuracy": 0.97})
    worst = labels["first"][0]
    assert (worst["difference"], worst["worse"]) == ("−0.3000", True)
    assert worst["interval"] == "[0.400, 0.600]" and worst["examples"] == "24"
    assert labels["has_difference"] and not labels["has_bound"]


@pytest.mark.parametrize(
    ("thresholds", "bounds"),
    [
        ({"accuracy@label": 0.9}, {"4": "≥ 0.9000", "0": "≥ 0.9000"}),
        ({"accuracy@label=4": 0.4}, {"4": "≥ 0.4000", "0": ""}),
        ({"accuracy@label=4": 0.4, "accuracy@label": 0.6}, {"4": "≥ 0.6000", "0": "≥ 0.6000"}),
    ],
)
def test_the_strictest_limit_of_a_slice_is_shown(thresholds, bounds) -> None:
    labels = slices.groups(EVALUATED, thresholds)[0]
    found = {row["name"]: row for row in labels["first"]}
    assert {name: found[name]["bound"] for name in bounds} == bounds
    assert labels["has_bound"]
    assert found["4"]["passed"] is (max(thresholds.values()) <= 0.5)


def test_if_less_is_better_the_highest_is_the_worst() -> None:
    parts = [
        verdicts.part(f"motion={name}", 5, value, 0.1, 0.0)
        for name, value in (("..1", 0.2), ("1..10", 3.0), ("10..", 1.0))
    ]
    [table] = slices.groups(
        EVALUATED | {"slices": parts}, {"accuracy": 1.5, "accuracy@motion": 2.0}, ["accuracy"]
    )
    assert [row["name"] for row in table["first"] if row["worst"]] == ["1..10"]
    assert [row["passed"] for row in table["first"]] == [True, False, True]


def test_many_slices_are_cut_and_the_rest_is_kept() -> None:
    parts = [verdicts.part(f"label=c{n:03}", 5, 0.9 + n / 1e4, 0.1, 0.0) for n in range(100)]
    [table] = slices.groups(EVALUATED | {"slices": parts}, {})
    assert len(table["first"]) == slices.FIRST and len(names(table)) == 100
    assert names(table)[0] == "c000" and table["first"][0]["worst"]


def test_a_slice_without_the_metric_or_with_nan_is_told_apart() -> None:
    """Nothing to count is not bad; an answer that is not a number is the worst."""
    empty = {"slice": "label=none", "examples": 3, "metrics": {}, "slices": []}
    lost = verdicts.part("label=lost", 3, 0.5, 0.1, 0.0)
    lost["metrics"]["accuracy"] = {"value": "nan"}
    fine = verdicts.part("label=fine", 3, 0.5, 0.1, 0.0)
    [table] = slices.groups(EVALUATED | {"slices": [empty, fine, lost]}, {"accuracy@label": 0.4})
    found = {row["name"]: row for row in table["first"]}
    assert names(table) == ["lost", "fine", "none"]
    assert found["none"]["value"] == "–" and found["none"]["passed"] is None
    assert found["lost"]["worst"] and found["lost"]["passed"] is False
    assert found["lost"]["places"] is None


def test_places_in_the_picture_are_in_order_and_inside() -> None:
    for table in slices.groups(EVALUATED, {"accuracy": 0.9}):
        for row in table["first"]:
            place = row["places"]
            assert 0 <= place["low"] <= place["value"] <= place["high"] <= 100


def test_without_slices_there_is_no_table() -> None:
    assert slices.groups(None, {}) == slices.groups(EVALUATED | {"slices": []}, {}) == []
    unmeasured = verdicts.part("label=1", 3, 0.5, 0.1, 0.0)
    assert slices.groups(EVALUATED | {"slices": [unmeasured]}, {"cross_entropy": 1.0}) == []


def test_metrics_with_a_threshold_judge_slices() -> None:
    thresholds = {"cross_entropy": 1.0, "accuracy@label=7": 0.9, "unknown": 1.0}
    assert slices.judged(EVALUATED, thresholds) == ["cross_entropy", "accuracy"]
    assert slices.judged(EVALUATED, {}) == ["accuracy"]
