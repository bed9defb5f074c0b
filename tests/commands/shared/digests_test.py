"""Equal values and equal files have equal digests, and no others."""

from __future__ import annotations

import shutil

import numpy as np

from perceiver_keras.commands.shared.digests import digest, digest_of_files


def test_equal_contents_have_equal_digests_and_different_ones_do_not():
    def values():
        return [
            *(b"ab", "ab", (b"a", b"b"), (b"ab", b""), ((b"a",), b"b"), None, 1, 1.0, True),
            *(np.zeros(2, np.float32), np.zeros((2, 1), np.float32), np.zeros(2, np.int32)),
            *({"a": 1}, {"a": 2}, ["a", 1], "caf\udcff"),
        ]

    found = [digest(value) for value in values()]
    assert found == [digest(value) for value in values()]
    assert len(set(found)) == len(found)


def test_a_folder_is_known_by_what_is_in_it_wherever_it_lies(tmp_path):
    first = tmp_path / "first"
    (first / "variables").mkdir(parents=True)
    (first / "variables" / "data").write_bytes(bytes(3 << 20))
    (first / "model.pb").write_bytes(b"a")
    shutil.copytree(first, tmp_path / "second")
    assert digest_of_files(first) == digest_of_files(tmp_path / "second")
    (tmp_path / "second" / "model.pb").write_bytes(b"b")
    assert digest_of_files(first) != digest_of_files(tmp_path / "second")
    (first / "model.pb").rename(first / "renamed.pb")
    assert digest_of_files(first) != digest_of_files(tmp_path / "second")
    assert digest_of_files(first / "renamed.pb") == digest_of_files(first / "renamed.pb")
