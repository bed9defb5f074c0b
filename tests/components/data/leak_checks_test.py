"""Leaks above the setting, and labels that changed since the accepted data, joined by Beam."""

from __future__ import annotations

import apache_beam as beam
import pytest

from perceiver_keras.components.data.leak_checks import leaks, relabelled
from tests.components import described_data

pytestmark = pytest.mark.tfx
SHARED = {
    "splits": ["train", "test"],
    "exact": 3,
    "near": 1,
    "share": 0.05,
    "other_label": 2,
}
EXAMPLES = [
    {"splits": ["train", "test"], "indices": [7, 3], "how": "exact", "labels": ["ant", "ant"]},
    {"splits": ["train", "validation"], "indices": [1, 2], "how": "near", "labels": ["ant", "ant"]},
]


def test_a_leak_above_the_setting_stops_and_shows_examples_of_the_smaller_split(tmp_path) -> None:
    described_data.write_leaks(str(tmp_path), {"pairs": [SHARED], "examples": EXAMPLES})
    (found,) = leaks(str(tmp_path), 0.01)
    assert (found.kind, found.split, found.examples, found.of, found.indices) == (
        "leak",
        "test",
        4,
        80,
        [3],
    )
    assert found.stops and found.text == (
        "4 of 80 examples of test are also in train (3 exact copies, 1 nearly the same, 2 of them with another "
        "label); data.max_leak_share allows a share of 0.01. Remove them from one of the splits."
    )
    assert list(leaks(str(tmp_path), 0.05)) == []


@pytest.fixture(scope="module")
def fingerprints(tmp_path_factory):
    """A function: the folder of fingerprints of the same examples with changed labels."""
    before = described_data.splits(0)

    def of(change):
        folder = str(tmp_path_factory.mktemp("fingerprints") / "now")
        made = {
            split: [row | {"label": change(i, row["label"])} for i, row in enumerate(rows)]
            for split, rows in before.items()
        }
        described_data.write_fingerprints(folder, made)
        return folder

    return of


def compare(now, before, renamed=()):
    options = beam.options.pipeline_options.PipelineOptions(direct_running_mode="in_memory")
    pipeline = lambda: beam.Pipeline(runner="DirectRunner", options=options)  # noqa: E731
    return list(relabelled(now, before, pipeline, "train", renamed))


def test_swapped_classes_stop(fingerprints) -> None:
    before = fingerprints(lambda i, label: label)
    swap = {b"ant": b"bee", b"bee": b"ant"}
    (found,) = compare(fingerprints(lambda i, label: swap.get(label, label)), before)
    both = sum(row["label"] in swap for rows in described_data.splits(0).values() for row in rows)
    assert found.stops and (found.examples, found.of) == (both, 440)
    assert "from 'ant' to 'bee'" in found.text and "from 'bee' to 'ant'" in found.text


def test_a_few_corrected_labels_are_reported(fingerprints) -> None:
    before = fingerprints(lambda i, label: label)
    after = fingerprints(lambda i, label: b"dog" if i == 5 else label)
    (found,) = compare(after, before)
    assert not found.stops and 1 <= found.examples <= 3


def test_equal_labels_and_renamed_classes_are_no_change(fingerprints) -> None:
    before = fingerprints(lambda i, label: label)
    assert compare(before, before) == []
    renamed = fingerprints(lambda i, label: b"emmet" if label == b"ant" else label)
    assert compare(renamed, before, {("ant", "emmet")}) == []
    assert compare(renamed, before)[0].stops


def test_fingerprints_that_are_gone_are_said(fingerprints, tmp_path) -> None:
    (found,) = compare(fingerprints(lambda i, label: label), str(tmp_path / "gone"))
    assert found.kind == "not compared" and not found.stops
