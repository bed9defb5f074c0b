"""One shard after another, as Beam's workers call them: what is written, counted and set aside."""

from __future__ import annotations

import json
import pickle
from pathlib import Path

import pytest
import tensorflow as tf
from hypothesis import given
from hypothesis import strategies as st

from perceiver_keras.components.data.example_shard import (
    Count,
    Job,
    Request,
    WriteShard,
    checker,
    python_values,
)
from perceiver_keras.config_tree import override, to_json
from perceiver_keras.tasks import registry
from tests import tiny_task as tiny

TASK = registry.get("image_classification")


def example(**features) -> bytes:
    """A serialized tf.Example with lists of bytes, ints or floats."""
    kinds = {bytes: "bytes_list", int: "int64_list", float: "float_list"}
    made = tf.train.Example()
    for name, values in features.items():
        getattr(made.features.feature[name], kinds[type(values[0])]).value.extend(values)
    return made.SerializeToString(deterministic=True)


RECORDS = [example(image=[png], label=[number]) for number, png in enumerate(tiny.pngs(6))]


@pytest.fixture
def stored(tmp_path: Path) -> str:
    path = str(tmp_path / "set.tfrecord")
    with tf.io.TFRecordWriter(path) as writer:
        for record in RECORDS:
            writer.write(record)
    return path


def write(folder: Path, job: Job, **fields) -> Count:
    """The shard's count, by a worker that got the function from another machine."""
    request = {"dataset": "any", "data_dir": None, "features": None, "task": None}
    request |= {"uri": str(folder), "config_json": None}
    worker = pickle.loads(pickle.dumps(WriteShard(Request(**(request | fields)))))
    worker.setup()
    (count,) = worker.process(job)
    return count


def written(folder: Path) -> list[bytes]:
    paths = sorted(map(str, folder.glob("Split-*/*")))
    return list(tf.data.TFRecordDataset(paths, "GZIP").as_numpy_iterator()) if paths else []


def test_it_copies_its_part_of_a_file_byte_for_byte_under_a_name_of_its_own(stored, tmp_path):
    job = Job("train", 1, 3, first=2, take=3, path=stored, skip=2)
    assert write(tmp_path / "a", job) == Count("train", 1, 3, 0)
    assert written(tmp_path / "a") == RECORDS[2:5]
    files = [path for path in (tmp_path / "a").rglob("*") if path.is_file()]
    assert [str(path.relative_to(tmp_path / "a")) for path in files] == [
        "Split-train/data_tfrecord-00001-of-00003.gz"
    ]
    before = files[0].read_bytes()
    assert write(tmp_path / "a", job) == Count("train", 1, 3, 0)  # a bundle that is run again
    assert files[0].read_bytes() == before
    assert write(tmp_path / "b", job) == Count("train", 1, 3, 0)
    assert next((tmp_path / "b").glob("Split-train/*")).read_bytes() == before


def test_what_the_task_refuses_is_set_aside_with_its_place_and_reason(stored, tmp_path):
    config = override(TASK.preset("tiny").config, "model.num_classes=4")  # of labels 0 to 5
    job = Job("test", 0, 1, first=0, take=6, path=stored)
    out = tmp_path / "out"
    count = write(out, job, task=TASK.name, config_json=to_json(config))
    assert count == Count("test", 0, 4, 2)
    assert written(out) == RECORDS[:4]
    lines = (out / "dead_letter" / "test-00000-of-00001.jsonl").read_text().splitlines()
    assert [json.loads(line) for line in lines] == [
        {"file": stored, "index": n, "reason": f"label {n} is not in 0 to 3"} for n in (4, 5)
    ]


def test_only_the_features_that_are_asked_for_are_kept(stored, tmp_path):
    job = Job("test", 0, 1, first=0, take=6, path=stored)
    assert write(tmp_path / "a", job, features=("label",)).written == 6
    assert written(tmp_path / "a") == [example(label=[number]) for number in range(6)]
    assert write(tmp_path / "b", job, features=("sound",)) == Count("test", 0, 0, 6)
    assert written(tmp_path / "b") == []
    letters = (tmp_path / "b" / "dead_letter" / "test-00000-of-00001.jsonl").read_text()
    assert letters.count("lacks the feature 'sound'") == 6


def test_a_file_that_cannot_be_read_on_is_a_count_that_says_so(stored, tmp_path):
    content = Path(stored).read_bytes()
    Path(stored).write_bytes(content[: len(content) // 2])
    count = write(tmp_path / "out", Job("test", 0, 1, first=0, take=6, path=stored))
    assert (count.written, count.corrupt) == (0, 0) and stored in count.fatal
    assert written(tmp_path / "out") == []
    assert [path for path in (tmp_path / "out").rglob("*") if path.is_file()] == []


def test_without_a_task_there_is_no_judge_and_without_a_configuration_the_tiny_presets():
    assert checker(None, None) is None
    judge = checker(TASK.name, None)
    assert judge({"image": [tiny.pngs(1)[0]], "label": [9]}) is None
    assert "is not in 0 to 9" in judge({"image": [tiny.pngs(1)[0]], "label": [10]})


values = st.one_of(
    st.lists(st.binary(max_size=5), min_size=1, max_size=3),
    st.lists(st.integers(-(2**63), 2**63 - 1), min_size=1, max_size=3),
    st.lists(st.floats(allow_nan=False, width=32), min_size=1, max_size=3),
)


@given(st.dictionaries(st.sampled_from(["a", "b", "c"]), values))
def test_an_example_is_read_as_it_was_written(features):
    assert python_values(tf.train.Example.FromString(example(**features))) == features


def test_a_feature_without_values_is_an_empty_list():
    made = tf.train.Example()
    made.features.feature["nothing"].SetInParent()
    assert python_values(made) == {"nothing": []}
