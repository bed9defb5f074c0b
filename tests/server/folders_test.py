"""Version folders: which count, which are wanted, and when one has changed."""

from __future__ import annotations

import os

import pytest

from perceiver_keras import saved_model
from perceiver_keras.server import folders
from perceiver_keras.server.settings import ModelSource


def test_only_whole_numbers_are_versions(tmp_path) -> None:
    names = ("1", "20", "03", "-4", "5.tmp", ".6", "x", "٧", "9" * 30, "9" * 19, str(2**63))
    numbers = [0, 1, 20, 1_700_000_000_123_456_789, 2**63 - 1]  # one by time.time_ns()
    for name in {*names, *map(str, numbers)}:
        (tmp_path / name).mkdir()
    (tmp_path / "8").write_text("a file")
    assert folders.versions(str(tmp_path)) == saved_model.versions(str(tmp_path)) == numbers
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


def test_a_fingerprint_changes_with_every_file(tmp_path) -> None:
    places = (
        "saved_model.pb",
        "variables/variables.index",
        "variables/variables.data-00000-of-00001",
    )
    places += ("assets/words.txt", "assets.extra/tf_serving_warmup_requests")
    seen = [folders.fingerprint(str(tmp_path))]

    def changed() -> bool:
        seen.append(folders.fingerprint(str(tmp_path)))
        assert folders.fingerprint(str(tmp_path)) == seen[-1]
        return seen[-1] not in seen[:-1]

    for place in places:
        path = tmp_path / place
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(b"a")
        assert changed(), f"{place} is new"
        with path.open("r+b") as file:
            file.write(b"ab")
        assert changed(), f"{place} is larger"
        os.utime(path, ns=(1, 1))
        assert changed(), f"{place} is of another time"
    path.unlink()
    assert folders.fingerprint(str(tmp_path)) != seen[-1], f"{place} is gone"
    assert folders.fingerprint(str(tmp_path / "gone")) == ()
