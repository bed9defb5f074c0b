"""Fingerprints are read with their splits, from any folder; what is counted is written whole."""

from __future__ import annotations

import json

from perceiver_keras.components.data.fingerprint_rows import ReadRows, WriteJson, files_of, text_of
from tests.components import fingerprints

SPLITS = {"train": [("one text", 0), ("another one", 1), ("the third", 2)], "test": [("last", 0)]}


def test_each_row_comes_with_its_split_and_place(tmp_path):
    uri = fingerprints.write(tmp_path / "a [1]" / "7", SPLITS)
    (tmp_path / "a [1]" / "7" / "aside").mkdir()
    found = [row for file in files_of(uri) for row in ReadRows().process(file)]
    assert [(split, row.index) for split, row in found] == [
        *[("test", 0), ("train", 0), ("train", 1), ("train", 2)]
    ]
    assert found[2][1].fingerprint == fingerprints.of("another one", 1)


def test_what_is_written_twice_is_written_once(tmp_path):
    path = tmp_path / "counts.json"
    for _ in range(2):
        WriteJson(str(path)).process({"b": 1, "a": [2]})
    assert json.loads(path.read_text()) == {"a": [2], "b": 1}
    assert [file.name for file in tmp_path.iterdir()] == ["counts.json"]


def test_labels_that_are_not_utf8_can_be_shown():
    assert text_of("ß".encode()) == "ß"
    assert text_of(b"\xff") == "\ufffd"
