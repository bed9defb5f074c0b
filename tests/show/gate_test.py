"""The gate's part of the page: what was refused stands first, and what the test split cannot tell is said."""

from __future__ import annotations

from perceiver_keras.show import gate
from tests.show import verdicts


def test_refused_checks_come_first_then_notes() -> None:
    rows = gate.checks(verdicts.verdict())
    assert [row["word"] for row in rows] == ["refused", "note", "passed"]
    assert [row["class"] for row in rows] == ["bad", "soft", "good"]
    assert rows[0]["name"] == "threshold accuracy@label"
    assert gate.checks(None) == gate.checks({}) == []


def test_the_reasons_are_the_refused_checks() -> None:
    assert gate.reasons(verdicts.verdict()) == [
        "accuracy@label=8 is 0.8846 [0.750, 1.000]; at least 0.9 is asked for."
    ]
    assert gate.reasons({}) == []


def test_what_the_test_split_is_too_small_to_tell() -> None:
    [text] = gate.too_small(verdicts.verdict())
    assert "269 test examples" in text and "worse by less than 0.0107 in accuracy" in text
    assert gate.too_small(verdicts.verdict(smallest_difference={})) == gate.too_small(None) == []
    assert gate.too_small({"smallest_difference": {"a_b": 0.5, "c": None}}) == [
        "On the test split, a model that is worse by less than 0.5000 in a b cannot be told from one that is as good."
    ]


def rows(**changes):
    values = dict(
        metrics={"accuracy": 0.9888, "cross_entropy": 0.122, "example_count": 269.0},
        thresholds={"accuracy": 0.97, "accuracy@label": 0.9},
        trivial={"accuracy": 0.1, "bigram_accuracy": 0.3},
        last_blessed={"accuracy": 0.9851},
        evaluated=verdicts.verdict()["evaluated"],
    )
    return {row["name"]: row for row in gate.metric_rows(**{**values, **changes})}


def test_a_metric_has_its_interval_and_its_difference_to_the_last_blessed() -> None:
    found = rows()
    accuracy = found["accuracy"]
    assert (accuracy["value"], accuracy["interval"]) == ("0.9888", "[0.973, 1.004]")
    assert (accuracy["bound"], accuracy["passed"]) == ("≥ 0.9700", True)
    assert (accuracy["last_blessed"], accuracy["last_interval"]) == ("0.9851", "[0.970, 1.000]")
    assert accuracy["difference"] == "+0.0037"
    assert accuracy["difference_interval"] == "[−0.007, +0.015]"
    assert accuracy["worse"] is None  # the interval holds 0
    assert found["example count"]["difference"] == ""
    assert found["bigram accuracy"]["trivial"] == "0.3000" and not found["bigram accuracy"]["value"]
    assert list(found) == ["accuracy", "cross entropy", "example count", "bigram accuracy"]


def test_without_an_evaluation_there_are_values_alone() -> None:
    found = rows(evaluated=None, last_blessed=None, trivial=None)
    assert list(found) == ["accuracy", "cross entropy", "example count"]
    assert not any(row["interval"] or row["difference"] for row in found.values())


def test_which_side_is_worse_depends_on_the_metric() -> None:
    down, up = {"low": -0.2, "high": -0.1}, {"low": 0.1, "high": 0.2}
    assert gate.worse(down, False) is True and gate.worse(down, True) is False
    assert gate.worse(up, False) is False and gate.worse(up, True) is True
    for open_one in (None, {}, {"low": -0.1, "high": 0.1}, {"low": "nan", "high": 0.1}):
        assert gate.worse(open_one, True) is None


def test_what_is_not_a_number_does_not_reach_a_limit() -> None:
    for value in (None, "nan", float("nan")):
        assert gate.reached(value, 0.5, False) is False and gate.reached(value, 0.5, True) is False
    assert gate.reached("nan", None, False) is None
    assert gate.reached(0.4, 0.5, True) and not gate.reached(0.4, 0.5, False)
