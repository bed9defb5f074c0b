"""Leaks counted in Beam are those that a comparison of all pairs finds, in the same bytes on other runners."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import apache_beam as beam
import numpy as np
import pytest
from apache_beam.options.pipeline_options import PipelineOptions

from perceiver_keras.components.data import leak_counts
from perceiver_keras.data.alike.example import alike
from tests.components import fingerprints
from tests.data.alike.samples import changed, digits, photographs

ORDER = ["train", "validation", "test"]


def data_set() -> fingerprints.Splits:
    """Pictures with copies of each sort; the numbers of these are in the test below."""
    train = [(picture, n % 3) for n, picture in enumerate([*digits()[:60], *photographs()[:8]])]
    validation = [(picture, n % 3) for n, picture in enumerate(digits()[100:110])]
    test = [(picture, n % 3) for n, picture in enumerate(digits()[200:220])]
    test += [train[0], train[3], train[3], (train[6][0], 1)]  # exact, one with another label
    test += [(changed(photographs()[n], "JPEG"), (60 + n) % 3) for n in range(3)]  # near
    test += [(photographs()[5], 65 % 3), (changed(photographs()[5], "half"), 0)]
    train += [train[1], (changed(photographs()[7], "darker"), 0)]  # within
    black = (np.zeros([8, 8, 1], np.uint8), 0)
    return {"train": [*train, black], "validation": [*validation, black, black], "test": test}


@pytest.fixture(scope="module")
def stored(tmp_path_factory) -> str:
    return fingerprints.write(tmp_path_factory.mktemp("fingerprints") / "1", data_set())


def detected(uri: str, path: Path, *options: str, order=ORDER) -> dict:
    with beam.Pipeline(options=PipelineOptions(list(options))) as pipeline:
        leak_counts.detect(pipeline, uri, order, 0.25, str(path))
    return json.loads(path.read_text())


def test_what_is_copied_is_counted(stored, tmp_path):
    found = detected(stored, tmp_path / "leaks.json")
    pair = next(pair for pair in found["pairs"] if pair["splits"] == ["train", "test"])
    assert pair == {
        "splits": ["train", "test"],
        "exact": 5,
        "near": 4,
        "share": 9 / 29,
        "other_label": 2,
    }
    others = [other for other in found["pairs"] if other is not pair]
    assert [(p["exact"], p["near"], p["share"]) for p in others] == [(0, 0, 0.0)] * 2
    assert found["splits"] == {"train": 71, "validation": 12, "test": 29}
    assert found["plain"] == {"train": 1, "validation": 2, "test": 0}
    assert found["within"] == {"train": 2, "validation": 0, "test": 2}
    assert found["sampled"] == {"keys": 0, "left_out": 0, "kept": 128}
    assert found["limit"] == 0.25


def test_examples_say_where_both_are(stored, tmp_path):
    found = detected(stored, tmp_path / "leaks.json")["examples"]
    assert {tuple(one["indices"]): one["how"] for one in found} == {
        (0, 20): "exact",
        (3, 21): "exact",
        (3, 22): "exact",
        (6, 23): "exact",
        (60, 24): "near",
        (61, 25): "near",
        (62, 26): "near",
        (65, 27): "exact",
        (65, 28): "near",
    }
    assert next(one for one in found if one["indices"] == [6, 23])["labels"] == ["ant", "bee"]
    assert all(one["splits"] == ["train", "test"] for one in found)


def test_it_is_what_a_comparison_of_all_pairs_finds(stored, tmp_path):
    found = detected(stored, tmp_path / "leaks.json")
    rows = {
        split: [fingerprints.of(*example) for example in examples]
        for split, examples in data_set().items()
    }
    for pair in found["pairs"]:
        small, large = sorted(pair["splits"], key=lambda split: len(rows[split]))
        exact = near = 0
        for one in rows[small]:
            same = bool(one.exact) and any(one.exact == other.exact for other in rows[large])
            exact += same
            near += not same and any(alike(one.print, other.print) for other in rows[large])
        assert (pair["exact"], pair["near"]) == (exact, near)


def test_a_file_of_a_split_may_be_empty_and_so_may_a_split(tmp_path):
    uri = fingerprints.write(tmp_path / "1", {"train": [("a text", 0)], "test": []})
    found = detected(uri, tmp_path / "leaks.json", order=["train", "test"])
    assert found["pairs"][0]["share"] == 0.0
    assert found["splits"] == {"train": 1, "test": 0}


def test_most_examples_are_left_out_but_all_are_counted(tmp_path):
    texts = [(f"text number {n}", 0) for n in range(120)]
    uri = fingerprints.write(tmp_path / "1", {"train": texts, "eval": texts[:20], "test": texts})
    found = detected(uri, tmp_path / "leaks.json", order=["train", "eval", "test"])
    assert [pair["exact"] for pair in found["pairs"]] == [20, 120, 20]
    assert len(found["examples"]) == leak_counts.MOST_SHOWN
    shown = [tuple(one["splits"]) for one in found["examples"]]
    assert {shown.count(pair) for pair in set(shown)} == {16, 17}  # each pair has its share


def test_processes_write_the_same_bytes(stored, tmp_path):
    detected(stored, tmp_path / "one.json")
    # Beam's workers import the main module again, and pytest is not to be run in each.
    code = (
        "import sys; from pathlib import Path; from tests.components.data.leak_counts_test import detected\n"
        "if __name__ == '__main__': detected(sys.argv[1], Path(sys.argv[2]), *sys.argv[3:])"
    )
    options = ["--direct_num_workers=2", "--direct_running_mode=multi_processing"]
    command = [sys.executable, "-c", code, stored, str(tmp_path / "two.json"), *options]
    subprocess.run(command, check=True, capture_output=True, timeout=300)
    assert (tmp_path / "two.json").read_bytes() == (tmp_path / "one.json").read_bytes()
