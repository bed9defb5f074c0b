"""Files to records: counting, limits, corrupt bytes."""

from __future__ import annotations

import itertools
import os

import pytest
import tensorflow as tf
from hypothesis import given
from hypothesis import strategies as st

from perceiver_keras.data.store import records, source
from perceiver_keras.data.store.records import Records, Shard, builder_records
from perceiver_keras.errors import PerceiverError
from tests.data.store.damaged import begins, flip, write


@pytest.fixture
def path(tmp_path) -> str:
    return write(tmp_path / "data.tfrecord")


def test_limit_cuts_from_the_end():
    whole = Records((Shard("a", 1, 3), Shard("b", 0, 4)), "", 7)
    assert whole.limit(None) is whole and whole.limit(7) is whole
    assert whole.limit(5) == Records((Shard("a", 1, 3), Shard("b", 0, 2)), "", 5)
    assert whole.limit(2) == Records((Shard("a", 1, 2),), "", 2)


def test_file_records_are_sorted_counted_and_deduplicated(tmp_path):
    for name, count in (("b", 3), ("a", 2), ("c", 0)):
        written = records.write_records(itertools.repeat(b"x", count), str(tmp_path / f"{name}.gz"))
        assert written == count
    found = records.file_records([str(tmp_path / "*.gz"), str(tmp_path / "a.gz")])
    assert [(os.path.basename(s.path), s.skip, s.take) for s in found.shards] == [
        ("a.gz", 0, 2),
        ("b.gz", 0, 3),
    ]
    assert (found.num_examples, found.compression) == (5, "GZIP")


def test_no_file_and_empty_files_are_refused(tmp_path):
    with pytest.raises(PerceiverError, match="No file matches .*none"):
        records.file_records(str(tmp_path / "none*"))
    records.write_records([], str(tmp_path / "empty.gz"))
    with pytest.raises(PerceiverError, match="hold no examples"):
        records.file_records(str(tmp_path / "*.gz"))


def test_half_written_files_never_take_the_name(tmp_path):
    def broken():
        yield b"one"
        raise OSError("disk full")

    with pytest.raises(OSError, match="disk full"):
        records.write_records(broken(), str(tmp_path / "x.gz"))
    assert os.listdir(tmp_path) == []


def test_a_flipped_byte_names_file_and_record(path):
    flip(path, begins(7) + 14)
    with pytest.raises(PerceiverError, match=r"data\.tfrecord is corrupt at record 7: corrupted"):
        list(records.read_serialized(Shard(path, 0, 20)))
    with pytest.raises(PerceiverError, match=r"data\.tfrecord is corrupt"):
        records.file_records(path, compression="")


def test_a_cut_file_says_how_many_are_missing(path):
    os.truncate(path, begins(9))
    with pytest.raises(PerceiverError, match="ends after 9 records; 20 were expected"):
        list(records.read_serialized(Shard(path, 0, 20)))


def test_explain_finds_the_file_that_tf_data_does_not_name(path):
    flip(path, begins(7) + 14)
    broken = Records((Shard(path, 0, 20),), "", 20)
    with pytest.raises(tf.errors.DataLossError) as caught:
        list(tf.data.TFRecordDataset(path))
    assert path not in str(caught.value)
    assert f"{path} is corrupt at record 7" in str(records.explain(caught.value, broken))
    assert "A data file is corrupt" in str(records.explain(caught.value))


def test_explain_knows_missing_files_bad_examples_and_its_limits(path):
    for dataset, words in (
        (tf.data.TFRecordDataset("/none/x"), "A data file is missing"),
        (
            tf.data.TFRecordDataset(path).map(
                lambda record: tf.io.parse_single_example(
                    record, {"a": tf.io.FixedLenFeature([], tf.int64)}
                )
            ),
            "An example cannot be read",
        ),
        (tf.data.TFRecordDataset(path).map(tf.io.decode_image), "An example cannot be read"),
    ):
        with pytest.raises(tf.errors.OpError) as caught:
            list(dataset)
        assert words in str(records.explain(caught.value))
    assert records.explain(ValueError("something else")) is None


def test_a_split_without_examples_says_what_there_is(tmp_path):
    builder = source.open_builder("perceiver_digits", str(tmp_path))
    with pytest.raises(
        PerceiverError, match=r"holds no examples .* 1,349 in train.* data.test_split"
    ):
        builder_records(builder, "train[:0]")


@given(st.lists(st.tuples(st.integers(0, 9), st.integers(1, 5)), min_size=1, max_size=5))
def test_each_index_leads_to_its_file_and_record(parts):
    shards = tuple(records.Shard(f"{n}", skip, take) for n, (skip, take) in enumerate(parts))
    of_all = [(shard.path, shard.skip + n) for shard in shards for n in range(shard.take)]
    found = records.Records(shards, "", len(of_all))
    got = [found.find(index) for index in range(len(of_all))]
    assert [(one.file, one.record) for one in got] == of_all
    assert [one.index for one in got] == list(range(len(of_all)))
    with pytest.raises(IndexError):
        found.find(len(of_all))
