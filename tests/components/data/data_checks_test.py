"""All checks together: what is done to good data is found, with its reason; clean data is never stopped."""

from __future__ import annotations

import json

import pytest

from perceiver_keras.components.data import data_checks
from tests.components import described_data
from tests.components.described_data import CLASSES, LIMITS, splits

pytestmark = pytest.mark.tfx


@pytest.fixture(scope="module")
def clean(tmp_path_factory):
    return described_data.run(str(tmp_path_factory.mktemp("clean")), splits(0))


@pytest.fixture(autouse=True)
def _without_beam(monkeypatch):
    """Labels that changed are found by a Beam pipeline, which leak_checks_test.py tries."""
    monkeypatch.setattr(data_checks.leak_checks, "relabelled", lambda *arguments: [])


@pytest.fixture
def stops(clean, tmp_path):
    """{(kind, split)} of what stops a run with this data, held against the clean one or, without it, itself."""

    def of(made, classes=CLASSES, against=True, by_hand=False):
        run = described_data.run(str(tmp_path), made, classes)
        accepted = described_data.accepted(run if by_hand else clean, by_hand, own=by_hand)
        found = data_checks.check(run, accepted if against or by_hand else None, LIMITS, None)
        json.dumps([anomaly.as_json() for anomaly in found.anomalies], allow_nan=False)
        order = [anomaly.stops for anomaly in found.anomalies]
        assert order == sorted(order, reverse=True)
        return {(anomaly.kind, anomaly.split) for anomaly in found.anomalies if anomaly.stops}

    return of


def each(made, change, only=None):
    return {
        split: [change(row) if only in (None, split) else row for row in rows]
        for split, rows in made.items()
    }


@pytest.mark.parametrize("seed", range(1, 9))
def test_other_data_of_the_same_distribution_never_stops_a_run(clean, tmp_path, seed) -> None:
    """Odd seeds have small splits, where chance makes the largest differences."""
    sizes = {"train": 200, "validation": 12, "test": 25} if seed % 2 else described_data.SIZES
    run = described_data.run(str(tmp_path), splits(seed, sizes))
    for accepted in (None, described_data.accepted(clean)):
        found = data_checks.check(run, accepted, LIMITS, None)
        assert [anomaly.text for anomaly in found.anomalies if anomaly.stops] == []


def test_pictures_inverted_in_the_new_data(stops) -> None:
    inverted = each(splits(1), lambda row: row | {"image/mean": 255 - row["image/mean"]})
    assert stops(inverted) == {("drift", split) for split in inverted}


def test_pictures_inverted_in_one_split_of_the_first_run(stops) -> None:
    change = lambda row: row | {"image/mean": 255 - row["image/mean"]}  # noqa: E731
    assert stops(each(splits(1), change, only="test"), against=False) == {("skew", "test")}


def test_another_size_in_one_split_of_the_first_run(stops) -> None:
    change = lambda row: row | {"image/height": 16}  # noqa: E731
    assert stops(each(splits(1), change, only="test"), against=False) == {("skew", "test")}


def test_a_class_missing(stops) -> None:
    without = {s: [r for r in rows if r["label"] != b"cow"] for s, rows in splits(1).items()}
    kinds = stops(without)
    assert ("missing class", "train") in kinds
    # Its name is gone, too.
    assert ("missing class", "train") in stops(without, ["ant", "bee", "dog"])


def test_a_new_class_and_a_renamed_one(stops) -> None:
    rows = splits(1)
    rows["train"][5] = rows["train"][5] | {"label": b"elk"}
    assert stops(rows, [*CLASSES, "elk"]) == {("new class", "train")}
    wasps = each(splits(1), lambda row: row | {"label": b"wasp"} if row["label"] == b"bee" else row)
    assert stops(wasps, ["ant", "wasp", "cow", "dog"]) == {("renamed classes", "train")}


def test_another_order_of_the_same_classes(stops) -> None:
    assert stops(splits(1), CLASSES[::-1]) == {("order", "train")}


def test_a_test_split_of_one_class_also_in_the_first_run_unless_accepted(stops) -> None:
    ants = each(splits(1), lambda row: row | {"label": b"ant"}, only="test")
    assert stops(ants) == {("one class", "test")}
    assert stops(ants, against=False) == {("one class", "test")}
    assert stops(ants, by_hand=True) == set()


def test_leaks_stop_whatever_is_accepted(clean, tmp_path) -> None:
    run = described_data.run(str(tmp_path), splits(0))
    pair = {"splits": ["train", "test"], "exact": 40, "near": 0, "share": 0.5, "other_label": 0}
    described_data.write_leaks(run.leaks, {"pairs": [pair]})
    accepted = described_data.accepted(run, by_hand=True, own=True)
    found = data_checks.check(run, accepted, LIMITS, None)
    assert [anomaly.kind for anomaly in found.anomalies] == ["leak"]


def test_each_comparison_is_listed(clean) -> None:
    found = data_checks.check(clean, None, LIMITS, None)
    assert found.drift == [] and found.anomalies == []
    assert {row["split"] for row in found.skew} == {"validation", "test"}
    assert {row["measure"] for row in found.skew} == {"jensen_shannon", "l_infinity"}
    assert found.differences.keys() == clean.statistics.keys()
