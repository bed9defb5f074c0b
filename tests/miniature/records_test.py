"""Records are whole, of the settings they say, and small."""

from __future__ import annotations

import json
import math

import pytest

from perceiver_keras.errors import PerceiverError
from perceiver_keras.miniature import records
from perceiver_keras.miniature.claim import Arm, Measured
from tests.miniature.formula import claim


def write(folder, made, arm, seed, **numbers):
    path = records.place(folder, made, arm, seed)
    measured = Measured(numbers=numbers or {"accuracy": 1 / 3})
    took = records.Stopwatch().read()
    return path, records.write(path, made, made.arm(arm), seed, measured, took, lambda: {"x": "1"})


def test_a_record_is_read_as_it_was_written(tmp_path):
    made = claim()
    path, record = write(tmp_path, made, "good", 12)
    assert path == tmp_path / "made_up" / "good-12.json"
    assert records.read(path) == record
    assert record["numbers"]["accuracy"] == 0.333333
    assert record["load"][0] >= 0 and record["seconds"] >= 0 and record["versions"] == {"x": "1"}
    assert records.read_all(tmp_path, made) == {"good": {12: record}}


def test_records_of_other_settings_do_not_count(tmp_path):
    write(tmp_path, claim(good=0.8), "good", 0)
    changed = claim(good=0.9)
    assert records.read_all(tmp_path, changed) == {}
    record = records.read(records.place(tmp_path, changed, "good", 0))
    assert records.changed(record, changed.arm("good")) == ["base"]
    assert records.changed(record, Arm("good", {"base": 0.8, "more": [1]})) == ["more"]
    assert records.is_of(record, Arm("good", {"base": 0.8}))


def test_a_tuple_is_the_list_that_json_has(tmp_path):
    made = claim(arms=(Arm("good", {"base": 0.1, "rates": (1, 2)}),))
    write(tmp_path, made, "good", 0)
    assert list(records.read_all(tmp_path, made)["good"]) == [0]


def test_other_files_are_no_records(tmp_path):
    made = claim()
    write(tmp_path, made, "good", 0)
    for name in ("good-tuning.json", "good-mlm-tuning.json", "good-x-1.json"):
        (tmp_path / "made_up" / name).write_text("{}")
    assert list(records.read_all(tmp_path, made)["good"]) == [0]


def test_what_is_no_record_is_said(tmp_path):
    path = tmp_path / "r.json"
    assert records.read(path) is None
    for content, words in (("{", "not a record"), ("[]", "not a record"), ("{}", "lacks settings")):
        path.write_text(content)
        with pytest.raises(PerceiverError, match=words):
            records.read(path)


def test_curves_are_thinned_and_keep_evaluations():
    rows = [
        {"step": s, "loss": 1.0} | ({"val_loss": 2.0} if s % 100 == 7 else {}) for s in range(1000)
    ]
    kept = records.thinned(rows)
    assert kept[-1]["step"] == 999
    assert sum("val_loss" in row for row in kept) == 10
    assert len(kept) <= records.CURVE_ROWS + 10


def test_numbers_that_are_not_finite_are_text(tmp_path):
    _, record = write(tmp_path, claim(), "good", 0, accuracy=math.nan, loss=math.inf)
    assert json.loads(json.dumps(record, allow_nan=False))["numbers"] == {
        "accuracy": "nan",
        "loss": "inf",
    }


def test_what_was_measured_at_once_is_counted_once():
    spans = [(10, 5), (0, 4), (12, 1), (14, 3), (4, 1)]
    assert records.passed({"started": a, "seconds": n} for a, n in spans) == 5 + 7
    assert records.passed([]) == 0
