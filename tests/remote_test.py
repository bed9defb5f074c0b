"""Places at URLs, on TensorFlow's own file system in memory: nothing of it is a file of this machine."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
import tensorflow as tf
from hypothesis import given
from hypothesis import strategies as st

from perceiver_keras import remote
from perceiver_keras.errors import PerceiverError, UsageError
from perceiver_keras.files import whole_folder, write_json, write_whole
from perceiver_keras.remote import RemotePath, as_path, is_remote, local_copy

NAMES = st.lists(st.text("abc-_.1 é", min_size=1).filter(lambda n: set(n) != {"."}), min_size=1)


@given(NAMES)
def test_a_url_is_spelled_as_given_and_below_it_as_one_expects(names):
    url = "gs://bucket/" + "/".join(names)
    path = as_path(url)
    assert isinstance(path, RemotePath) and str(path) == os.fspath(path) == url
    assert str(path / "a" / "b") == f"{url}/a/b" and path.scheme == "gs"
    assert str(path.with_name("x")) == url[: -len(names[-1])] + "x"
    assert (path / "a").relative_to(path).as_posix() == "a"


@pytest.mark.parametrize("place", ["runs/a", "/tmp/a:b", "a:/b", "a:b", "C:x", "[gs://x]", "~/x"])
def test_local_names_stay_local(place):
    assert not is_remote(place) and as_path(place) == Path(place)


def test_a_url_that_was_made_a_path_is_still_one_and_file_is_local():
    assert str(as_path(Path("gs://bucket/run"))) == "gs://bucket/run"
    assert as_path("file:///tmp/x") == Path("/tmp/x") and not is_remote("file:///tmp/x")


def test_files_and_folders():
    folder = as_path("ram://remote_test/folder")
    assert not folder.exists() and not folder.is_dir()
    folder.mkdir()
    write_whole(folder / "a", "one")
    write_whole(folder / "a", b"two")
    write_json(folder / "b", {"c": 1})
    assert [path.name for path in folder.iterdir()] == ["a", "b"]
    assert (folder / "a").read_text() == "two" and (folder / "a").is_file()
    assert folder.is_dir() and not folder.is_file()
    (folder / "a").unlink()
    (folder / "a").unlink(missing_ok=True)
    with pytest.raises(FileNotFoundError, match="ram://remote_test/folder/a"):
        (folder / "a").read_text()


def test_a_folder_is_whole_or_not_there_and_replaced_as_a_whole():
    folder = as_path("ram://remote_test/model")
    for number in (1, 2):
        with whole_folder(folder, last="done") as aside:
            (aside / "done").write_text(str(number))
            (aside / "sub").mkdir()
            (aside / "sub" / f"only{number}").write_text("x")
    assert sorted(path.name for path in folder.iterdir()) == ["done", "sub"]
    assert [path.name for path in (folder / "sub").iterdir()] == ["only2"]
    with pytest.raises(ZeroDivisionError), whole_folder(folder, last="done"):
        raise ZeroDivisionError
    assert (folder / "done").read_text() == "2"


def test_an_upload_that_breaks_off_leaves_no_folder_that_a_reader_takes(tmp_path, monkeypatch):
    folder, real = as_path("ram://remote_test/broken"), tf.io.gfile.copy

    def breaks(source, target, overwrite=False):
        if target.endswith("/z"):
            raise tf.errors.UnavailableError(None, None, "the network is gone")
        real(source, target, overwrite)

    for name in ("done", "z"):
        (tmp_path / name).write_text("1")
    remote.upload(tmp_path, folder, last="done")
    monkeypatch.setattr(tf.io.gfile, "copy", breaks)
    with pytest.raises(tf.errors.UnavailableError):
        remote.upload(tmp_path, folder, last="done")
    assert not (folder / "done").exists()


def test_a_local_copy_holds_the_files_and_follows_what_is_written_here():
    folder = as_path("ram://remote_test/copied")
    for text in ("one", "two"):
        with whole_folder(folder, last="a") as aside:
            (aside / "a").write_text(text)
            (aside / "b").mkdir()
            (aside / "b" / "c").write_text(text)
        copy = local_copy(str(folder))
        assert copy.name == "copied"
        assert [(copy / name).read_text() for name in ("a", "b/c")] == [text, text]
        assert local_copy(folder) == copy
    assert local_copy(folder / "a").read_text() == "two"
    assert local_copy("here") == Path("here")
    with pytest.raises(PerceiverError, match="nothing at ram://remote_test/missing"):
        local_copy("ram://remote_test/missing")


def test_what_can_be_reached_is_accepted_and_no_trace_is_left():
    remote.check("a local one")
    remote.check("ram://remote_test/new", writes=True)
    assert list(as_path("ram://remote_test/new").iterdir()) == []


@pytest.mark.parametrize("writes", [False, True])
def test_what_can_not_be_reached_is_refused_at_once(writes, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for scheme in ("foo", "s3"):
        with pytest.raises(
            UsageError, match=f"{scheme}://a/b: TensorFlow has no file system"
        ) as error:
            remote.check(f"{scheme}://a/b", writes)
        assert "ram://" in str(error.value) and "tensorflow-io" in str(error.value)
    with pytest.raises(UsageError, match="for patterns"):
        remote.check("ram://a/run[1]", writes)
    assert not list(tmp_path.iterdir())
