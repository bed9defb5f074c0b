"""One file after another, as Beam's workers call them: what is written, in which order, and whole or not at all."""

from __future__ import annotations

import pickle
from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf

from perceiver_keras.components.data import describe_shard
from perceiver_keras.components.data.describe_shard import (
    INDEX,
    CountExamples,
    DescribeShard,
    Request,
    Shard,
    to_example,
)
from perceiver_keras.components.data.example_shard import python_values
from perceiver_keras.data.alike.rows import from_row
from perceiver_keras.data.described.example import describe
from tests import tiny_task as tiny

KINDS = {"image": "picture", "label": "label"}
NAMES = tuple(f"class {number}" for number in range(10))
TASK = "image_classification"


def stored(path: Path, records: list[bytes]) -> str:
    path.parent.mkdir(parents=True, exist_ok=True)
    with tf.io.TFRecordWriter(str(path), "GZIP" if path.suffix == ".gz" else "") as writer:
        for record in records:
            writer.write(record)
    return str(path)


def rows(path: Path) -> list[bytes]:
    options = "GZIP" if path.suffix == ".gz" else ""
    return list(tf.data.TFRecordDataset(str(path), options).as_numpy_iterator())


def work(folder: Path, shard: Shard, counts=None, **fields) -> int:
    """The number of examples, by a worker that got the function from another machine."""
    request = {"task": TASK, "config_json": None, "label_names": NAMES} | fields
    uris = {name: str(folder / name) for name in ("described", "fingerprints")}
    worker = pickle.loads(pickle.dumps(DescribeShard(Request(**uris, **request))))
    worker.setup()
    ((split, count),) = worker.process(shard, counts or {})
    assert split == shard.split
    return count


def stored_number(value):
    return float(np.float32(value)) if isinstance(value, float) else value


@pytest.mark.parametrize("name", ["data_tfrecord-00000-of-00002.gz", "plain-00000-of-00002"])
def test_each_example_is_described_and_printed_in_order(tmp_path, name):
    records = tiny.examples(4)
    path = stored(tmp_path / "in" / name, records)
    assert work(tmp_path, Shard("train", 0, path)) == 4
    described = rows(tmp_path / "described" / "Split-train" / name)
    for index, (row, record) in enumerate(zip(described, records, strict=True)):
        features = python_values(tf.train.Example.FromString(record))
        want = describe(features, KINDS, NAMES)
        found = python_values(tf.train.Example.FromString(row))
        assert found.pop(INDEX) == [index]
        assert found == {key: [stored_number(value)] for key, value in want.items()}
        assert found["label"] == [f"class {index % 3}".encode()]
    printed = [from_row(row) for row in rows(tmp_path / "fingerprints" / "Split-train" / name)]
    assert [row.index for row in printed] == [0, 1, 2, 3]
    assert [row.fingerprint.label for row in printed] == [
        f"class {index % 3}".encode() for index in range(4)
    ]
    assert len({row.fingerprint.exact for row in printed}) == 4


def test_places_go_on_from_the_files_before(tmp_path):
    paths = [stored(tmp_path / "in" / f"{n}.gz", tiny.examples(n + 1)) for n in range(3)]
    shards = [Shard("test", number, path) for number, path in enumerate(paths)]
    counts = dict(pair for shard in shards[:2] for pair in CountExamples().process(shard))
    assert counts == {("test", 0): 1, ("test", 1): 2}
    work(tmp_path, shards[2], counts)
    found = rows(tmp_path / "described" / "Split-test" / "2.gz")
    assert [python_values(tf.train.Example.FromString(row))[INDEX] for row in found] == [
        [3],
        [4],
        [5],
    ]


def test_a_repeated_bundle_leaves_the_same_bytes_and_nothing_else(tmp_path):
    shard = Shard("test", 0, stored(tmp_path / "in" / "a.gz", tiny.examples(5)))
    for _ in range(2):
        work(tmp_path / "one", shard)
    work(tmp_path / "two", shard)

    def files(folder):
        return {
            path.relative_to(folder).as_posix(): path.read_bytes()
            for path in folder.rglob("*")
            if path.is_file()
        }

    assert files(tmp_path / "one") == files(tmp_path / "two")
    assert set(files(tmp_path / "one")) == {
        "described/Split-test/a.gz",
        "fingerprints/Split-test/a.gz",
    }


def test_a_file_that_ends_too_early_leaves_nothing(tmp_path):
    path = Path(stored(tmp_path / "in" / "a.gz", tiny.examples(50)))
    path.write_bytes(path.read_bytes()[:-500])
    with pytest.raises(tf.errors.OpError):
        work(tmp_path / "out", Shard("test", 0, str(path)))
    assert [path for path in (tmp_path / "out").rglob("*") if path.is_file()] == []


def test_what_cannot_be_decoded_is_a_row_that_says_so(tmp_path):
    broken = tf.train.Example()
    broken.features.feature["image"].bytes_list.value.append(b"no picture")
    path = stored(tmp_path / "in" / "a", [broken.SerializeToString()])
    assert work(tmp_path, Shard("test", 0, path)) == 1
    (row,) = rows(tmp_path / "described" / "Split-test" / "a")
    found = python_values(tf.train.Example.FromString(row))
    assert found == {INDEX: [0], "image/undecodable": [1]}


def test_numbers_names_and_lists_keep_their_types():
    made = tf.train.Example.FromString(
        to_example({"a": 1, "b": 1.0, "c": b"x", "d": [b"x", b"y"], "e": []})
    )
    kinds = {name: feature.WhichOneof("kind") for name, feature in made.features.feature.items()}
    assert kinds.pop("e") in (None, "bytes_list")
    assert kinds == {"a": "int64_list", "b": "float_list", "c": "bytes_list", "d": "bytes_list"}
    assert describe_shard.compression("a.gz") == "GZIP" and describe_shard.compression("a") == ""
