"""A data set of a user's replays, one moment per line."""

import json

import numpy as np
import pytest
import tensorflow_datasets as tfds

from perceiver_keras.data.builders.starcraft_replays import (
    starcraft_replays_dataset_builder as replays,
)
from perceiver_keras.data.store import left_out, source
from perceiver_keras.errors import PerceiverError, UsageError


def test_a_moment_of_a_replay_is_filled_up():
    got = replays.moment(json.loads('{"entities": [[1, 2], [3, 4]], "target": 1, "won": 0}'))
    assert got["mask"].sum() == 2 and got["label"] == [1, 0]
    np.testing.assert_array_equal(got["entities"][1, :3], [3, 4, 0])
    with pytest.raises(ValueError, match="at most 512 rows of 256 numbers"):
        replays.moment({"entities": np.zeros((3, 300)), "target": 0, "won": 0})


def test_what_is_no_moment_is_refused():
    good = {"entities": [[1, 2], [3, 4]], "target": 1, "won": 0}
    for name, value, said in (
        ("entities", [], "expected|rows|entities"),
        ("entities", [[1, float("nan")], [3, 4]], "finite"),
        ("target", 2, "target 2 is not one of 2 rows"),
        ("target", 0.5, "target 0.5"),
        ("won", 3, "won is 3; expected 0 or 1"),
    ):
        with pytest.raises(ValueError, match=said):
            replays.moment({**good, name: value})


def test_bad_lines_and_left_overs_are_left_out(tmp_path):
    root = tmp_path / "manual" / "starcraft_replays"
    root.mkdir(parents=True)
    line = json.dumps({"entities": [[1, 2.5]], "target": 0, "won": 1})
    for split in ("train", "validation", "test"):
        (root / f"{split}.jsonl").write_text(f"{line}\n\n{line}\n" + "{}\n" * (split == "train"))
        (root / f"._{split}.jsonl").write_bytes(b"\0\5\x16\7 of a Mac")
    (root / "empty.jsonl").write_bytes(b"")
    (root / "notes.jsonl").mkdir()
    builder = source.open_builder("starcraft_replays", str(tmp_path), max_corrupt_share=0.2)
    counts = {name: split.num_examples for name, split in builder.info.splits.items()}
    assert counts == {"train": 2, "validation": 2, "test": 2}
    letters = tmp_path / "own_data/dead_letter/starcraft_replays-1.0.0.jsonl"
    assert list(left_out.read_letters(letters)) == ["train.jsonl, line 4"]


def test_files_of_lines_become_splits_and_a_bad_line_is_named(tmp_path):
    root = tmp_path / "downloads" / "manual" / "starcraft_replays"
    root.mkdir(parents=True)
    with pytest.raises(UsageError, match="has no train.jsonl"):
        replays.Builder(data_dir=str(tmp_path)).download_and_prepare()
    lines = [json.dumps({"entities": [[n, 2.5]] * n, "target": 0, "won": n % 2}) for n in (1, 2, 3)]
    (root / "train.jsonl").write_text("\n".join(lines))
    (root / "test.jsonl").write_text(lines[0] + "\n{}")
    with pytest.raises(
        PerceiverError, match=r"1 of 5 can't be read: test.jsonl, line 2 \(KeyError"
    ):
        replays.Builder(data_dir=str(tmp_path)).download_and_prepare()
    (root / "test.jsonl").write_text(lines[0])
    builder = replays.Builder(data_dir=str(tmp_path))
    builder.download_and_prepare()
    assert {name: split.num_examples for name, split in builder.info.splits.items()} == {
        "test": 1,
        "train": 3,
    }
    found = list(tfds.as_numpy(builder.as_dataset(split="train")))
    for example in found:
        count = int(example["mask"].sum())
        np.testing.assert_array_equal(example["entities"][:count, :2], [[count, 2.5]] * count)
        assert not example["entities"][count:].any() and example["label"].tolist() == [0, count % 2]
    assert sorted(int(example["mask"].sum()) for example in found) == [1, 2, 3]
