"""Version folders: which count, which are wanted, and when one has changed."""

from __future__ import annotations

import os

import pytest

from perceiver_keras.server import folders
from perceiver_keras.server.settings import ModelSource


def test_only_whole_numbers_are_versions(tmp_path) -> None:
    for name in ("1", "20", "03", "-4", "5.tmp", ".6", "x", "٧", "9" * 30):
        (tmp_path / name).mkdir()
    (tmp_path / "8").write_text("a file")
    assert folders.versions(str(tmp_path)) == [1, 20]
    assert folders.versions(str(tmp_path / "gone")) == []


@pytest.mark.parametrize(
    ("policy", "broken", "wanted"),
    [
        ({}, [], [5]),
        ({}, [5], [3]),
        ({"count": 2}, [], [3, 5]),
        ({"policy": "all"}, [3], [1, 5]),
        ({"policy": "specific", "versions": (1, 9)}, [], [1]),
        ({"policy": "specific", "versions": (5,)}, [5], []),
        ({}, [1, 3, 5], []),
    ],
)
def test_a_broken_version_is_not_wanted_and_an_older_takes_its_place(
    policy, broken, wanted
) -> None:
    source = ModelSource(name="m", base_path="/m", **policy)
    assert folders.wanted(source, [1, 3, 5], broken) == wanted


def test_a_fingerprint_changes_with_the_files(tmp_path) -> None:
    (tmp_path / "variables").mkdir()
    (tmp_path / "saved_model.pb").write_bytes(b"a")
    first = folders.fingerprint(str(tmp_path))
    assert folders.fingerprint(str(tmp_path)) == first
    (tmp_path / "variables" / "variables.index").write_bytes(b"b")
    second = folders.fingerprint(str(tmp_path))
    os.utime(tmp_path / "saved_model.pb", ns=(1, 1))
    assert len({first, second, folders.fingerprint(str(tmp_path))}) == 3
