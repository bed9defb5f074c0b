"""Folders whose names are patterns to TensorFlow."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path

import pytest
import tensorflow as tf
from hypothesis import given
from hypothesis import strategies as st

from perceiver_keras import places
from perceiver_keras.errors import PerceiverError

NAMES = st.text(st.sampled_from("ab[]*?\\-! é{}"), min_size=1, max_size=8)


@given(NAMES)
def test_a_literal_path_leads_to_the_same_files_and_matches_nothing_else(name):
    with tempfile.TemporaryDirectory() as there:
        folder = Path(there, name)
        folder.mkdir()
        (folder / "file.index").write_text(name)
        Path(there, "neighbour").mkdir()
        Path(there, "neighbour", "file.index").write_text("of another")
        path = os.path.join(places.literal(folder), "file.index")
        assert tf.io.gfile.glob(path) == [path]
        assert Path(path).read_text() == name


def test_a_plain_path_stays_as_it_is_also_if_relative_or_remote():
    for path in ("runs/digits", "/a b/ü-1", "gs://bucket/run"):
        assert places.literal(path) == path


def test_a_relative_folder_is_found_wherever_the_process_goes(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Path("r[1]").mkdir()
    link = places.literal("r[1]")
    monkeypatch.chdir("/")
    Path(link, "file").write_text("here")
    assert (tmp_path / "r[1]" / "file").read_text() == "here"


def test_without_a_plain_folder_for_temporary_files_there_is_an_error(tmp_path, monkeypatch):
    odd = tmp_path / "t[1]"
    odd.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(odd))
    monkeypatch.setattr(places.os.path, "isdir", lambda path: path == str(odd))
    with pytest.raises(PerceiverError, match="TMPDIR"):
        places.literal(tmp_path / "r[1]")
