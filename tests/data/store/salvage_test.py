"""Reading on after corrupt records, in files that are damaged on purpose."""

from __future__ import annotations

import os

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from perceiver_keras.data.store.records import Shard
from perceiver_keras.data.store.salvage import salvage
from perceiver_keras.errors import PerceiverError
from tests.data.store.damaged import CONTENT, begins, flip, write


@pytest.fixture
def path(tmp_path) -> str:
    return write(tmp_path / "data.tfrecord")


def test_a_cut_file_says_how_many_are_missing(path):
    os.truncate(path, begins(9))
    with pytest.raises(PerceiverError, match="ends after 9 records; 20 were expected"):
        list(salvage(Shard(path, 0, 20)))


@settings(max_examples=8, deadline=None)
@given(
    bad=st.sets(st.integers(0, 19), max_size=6), skip=st.integers(0, 19), take=st.integers(1, 20)
)
def test_salvage_loses_the_corrupt_records_alone(tmp_path_factory, bad, skip, take):
    path = write(tmp_path_factory.mktemp("salvage") / "x")
    for number in bad:
        flip(path, begins(number) + 12 + number)
    take = min(take, 20 - skip)
    found = list(salvage(Shard(path, skip, take)))
    assert [number for number, _, _ in found] == list(range(skip, skip + take))
    # TensorFlow may or may not check the data of records that it skips; the others are right either way.
    for number, record, reason in found:
        if number in bad:
            assert "checksum" in reason
        else:
            assert (record, reason) == (CONTENT[number], None)


def test_salvage_cannot_pass_a_wrong_length(path):
    flip(path, begins(5))
    with pytest.raises(PerceiverError, match=r"data\.tfrecord is corrupt at record 5"):
        list(salvage(Shard(path, 0, 20)))
