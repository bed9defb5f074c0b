"""Digests are hashlib's, remembered until a file changes."""

from __future__ import annotations

import hashlib
import json
import os
from pathlib import Path

import pytest

from perceiver_keras.data.own import digests
from perceiver_keras.errors import PerceiverError


def test_digests_are_those_of_hashlib_and_follow_changes(tmp_path: Path) -> None:
    paths = [tmp_path / f"{number}.bin" for number in range(20)]
    for number, path in enumerate(paths):
        path.write_bytes(bytes([number]) * (number * 100_000 + 1))
    memory = tmp_path / "memory" / "m.json"
    want = [hashlib.sha256(path.read_bytes()).hexdigest() for path in paths]
    assert digests.of_files(paths, memory) == want == digests.of_files(paths, memory)
    paths[3].write_bytes(b"other")
    assert digests.of_files(paths, memory)[3] == hashlib.sha256(b"other").hexdigest()


def test_a_second_look_does_not_read_the_files(tmp_path: Path) -> None:
    path, memory = tmp_path / "a", tmp_path / "m.json"
    path.write_bytes(b"aaaa")
    digests.of_files([path], memory)
    memory.write_text(json.dumps({key: "remembered" for key in json.loads(memory.read_text())}))
    assert digests.of_files([path], memory) == ["remembered"]


def test_a_file_with_its_time_set_back_is_read_again(tmp_path: Path) -> None:
    path, memory = tmp_path / "a", tmp_path / "m.json"
    path.write_bytes(b"aaaa")
    about = path.stat()
    first = digests.of_files([path], memory)
    path.write_bytes(b"bbbb")
    os.utime(path, ns=(about.st_atime_ns, about.st_mtime_ns))  # as archives and copies do
    assert digests.of_files([path], memory) == digests.of_files([path]) != first


def test_a_damaged_memory_is_ignored(tmp_path: Path) -> None:
    path, memory = tmp_path / "a", tmp_path / "m.json"
    path.write_bytes(b"a")
    memory.write_text("{half")
    assert digests.of_files([path], memory) == digests.of_files([path])
    assert len(json.loads(memory.read_text())) == 1


def test_a_file_that_can_not_be_read_is_named(tmp_path: Path) -> None:
    (tmp_path / "folder").mkdir()
    with pytest.raises(PerceiverError, match="folder can't be read"):
        digests.of_files([tmp_path / "folder"])
