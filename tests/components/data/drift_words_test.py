"""Drift in words, with the examples that show it; and channels that were swapped."""

from __future__ import annotations

import json

import pytest

from perceiver_keras.components.data import comparators
from perceiver_keras.components.data.drift_words import (
    Told,
    anomalies,
    as_json,
    more_constant,
    swapped_channels,
)
from perceiver_keras.components.data.schema_checks import Finder
from perceiver_keras.components.data.split_statistics import columns
from tests.components import described_data

pytestmark = pytest.mark.tfx


@pytest.fixture(scope="module")
def both(tmp_path_factory):
    """Statistics of clean data, and of data in which means and classes moved and red and blue changed places."""
    before = described_data.splits(0)["train"]
    now = [
        row
        | {"image/mean": row["image/mean"] + 60, "image/red": row["image/blue"]}
        | {"image/blue": row["image/red"], "label": b"ant" if i % 3 else row["label"]}
        for i, row in enumerate(described_data.splits(1)["train"])
    ]
    folder = str(tmp_path_factory.mktemp("now"))
    described_data.write_described(folder, {"train": now})
    return described_data.statistics(now), described_data.statistics(before), now, Finder(folder)


def found_in(both, kind="drift", times=1.0):
    now, before, _, finder = both
    compared = comparators.compare("train", now, before, 0.1, 0.1)
    told = Told("the accepted data", columns(now), columns(before))
    return {a.feature: a for a in anomalies(compared, told, kind, finder, times)}


def test_a_number_that_moved(both) -> None:
    found = found_in(both)["image/mean"]
    assert found.stops and found.now - found.was == pytest.approx(60, abs=6)
    assert found.text.startswith("image/mean: the mean of train is 1")
    assert "(data.max_drift 0.1, 0.0" in found.text and "for chance)" in found.text
    above = float(found.text.split("are above ")[1].split(",")[0])
    assert len(found.indices) == 8
    assert all(both[2][i]["image/mean"] > above - 0.01 for i in found.indices)


def test_classes_that_moved(both) -> None:
    found = found_in(both)["label"]
    assert "'ant' was in 2" in found.text and "of the accepted data (train)" in found.text
    assert all(both[2][i]["label"] == b"ant" for i in found.indices)
    assert found.examples == sum(row["label"] == b"ant" for row in both[2])


def test_what_did_not_move_is_not_said(both) -> None:
    assert found_in(both).keys() == {"image/mean", "label", "image/red", "image/blue"}


def test_splits_of_one_data_set_may_differ_more(both) -> None:
    assert all(found.stops for found in found_in(both).values())
    skew = found_in(both, "skew", times=8)
    assert skew and not any(found.stops for found in skew.values())


def test_how_far_samples_differ_anyway_adds_to_the_limit(both) -> None:
    now, before, _, _ = both
    compared = comparators.compare("train", now, before, 0.1, 0.1)
    usual = comparators.excess(compared)
    again = comparators.compare("train", now, before, 0.1, 0.1, usual)
    assert usual["image/mean"] > 0.3 and not any(item.exceeded for item in again)
    told = Told("train", columns(now), columns(before))
    assert list(anomalies(again, told, "drift", None)) == []


def test_red_and_blue_that_changed_places_are_named(both) -> None:
    now, before, _, finder = both
    (found,) = swapped_channels("train", columns(now), columns(before), finder)
    assert found.kind == "swapped channels" and found.stops and found.feature == "image"
    assert list(swapped_channels("train", columns(before), columns(before), finder)) == []
    same = described_data.statistics(described_data.splits(2)["train"])
    assert list(swapped_channels("train", columns(same), columns(before), finder)) == []


def test_comparisons_as_json(both) -> None:
    now, before, _, _ = both
    rows = [as_json(item) for item in comparators.compare("train", now, before, 0.1, 0.1)]
    assert json.loads(json.dumps(rows))[0].keys() == {
        *("feature", "split", "measure", "value", "limit", "noise", "usual")
    }


def test_more_pictures_of_one_colour_are_a_broken_export(tmp_path) -> None:
    def rows(every: int):
        found = described_data.splits(3)["train"]
        return [row | {"image/constant": int(i % every == 0)} for i, row in enumerate(found)]

    few, many = rows(10_000), rows(6)
    described_data.write_described(str(tmp_path), {"train": many})
    finder = Finder(str(tmp_path))
    now, before = (columns(described_data.statistics(part)) for part in (many, few))
    (found,) = more_constant("train", now, before, finder)
    assert found.stops and found.examples == sum(row["image/constant"] for row in many)
    assert found.indices[:3] == [0, 6, 12]
    assert list(more_constant("train", before, now, finder)) == []
    assert list(more_constant("train", now, now, finder)) == []
