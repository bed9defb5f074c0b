"""The tables of a comparison."""

from __future__ import annotations

from perceiver_keras.show.comparison import on_what, sections

ROW = {
    "metric": "accuracy", "slice": "", "one": {"value": 0.7, "low": 0.6, "high": 0.8},
    "other": {"value": 0.9}, "difference": 0.2, "interval": [0.1, 0.3], "better": "other",
    "paired": False, "p_value": 0.01,
}  # fmt: skip
COMPARED = {
    "tasks": ["a", "a"],
    "settings": {"train.steps": [1000, None]},
    "data": {"dataset": ["x" * 60, "y"], "examples": [{"train": 1000}, {"train": 1000}]},
    "code": ["c", "d"],
    "began_from": [None, {"weights": "deepmind"}],
    "packages": {},
    "same_test": True,
    "metrics": [ROW],
    "slices": [ROW | {"slice": f"label={n}", "difference": n / 100} for n in range(30)],
    "checks": {"serves": [True, None]},
    "cost": {
        "size_bytes": [2_000_000, None],
        "latency_p50_ms": [2.5, 3],
        "seconds.Trainer": [1, 2],
    },
}


def tables() -> dict[str, list]:
    return {title: rows for title, _, rows in sections(COMPARED)}


def test_there_is_a_table_for_each_thing_that_differs() -> None:
    found = tables()
    assert found["Settings that differ"] == [("train.steps", "1,000", "not set")]
    assert ("task", "a", "the same") in found["Data and code"]
    assert ("began from", "random weights", "deepmind") in found["Data and code"]
    assert found["Metrics"] == [
        ("accuracy", "0.7 (0.6 to 0.8)", "0.9", "+0.2 (0.1 to 0.3)", "second")
    ]
    assert found["Checks that differ"] == [("serves", "passed", "")]
    assert found["Cost"][0] == ("size bytes", "2.0 MB", "")
    assert "Packages that differ" not in found  # none does


def test_the_slices_that_differ_most_come_first() -> None:
    rows = tables()["Slices"]
    assert len(rows) == 20 and rows[0][1] == "label=29"


def test_long_values_are_cut() -> None:
    (row,) = [row for row in tables()["Data and code"] if row[0] == "dataset"]
    assert len(row[1]) == 40 and row[1].endswith("…")


def test_it_says_what_the_two_were_judged_by() -> None:
    assert "same test examples. The 95 % intervals take them for independent" in on_what(COMPARED)
    paired = COMPARED | {"metrics": [ROW | {"paired": True}]}
    assert "example by example" in on_what(paired)
    nothing = COMPARED | {"metrics": [ROW | {"interval": None}], "same_test": False}
    assert on_what(nothing).startswith(
        "They were judged by different test examples. The store has no"
    )
    assert "not recorded" in on_what(COMPARED | {"same_test": None})
