"""What the doctor looks at: the lock, folders, cards, TensorFlow itself."""

from __future__ import annotations

from collections import namedtuple
from pathlib import Path

import pytest

from perceiver_keras.commands.shared import checks

Usage = namedtuple("Usage", "total used free")


def test_in_a_checkout_the_lock_is_found(repository: Path) -> None:
    lock = repository / "requirements.lock"
    if not lock.exists():
        pytest.skip("Bazel gives this test the code alone")
    lines = lock.read_text().split()
    assert len(list(checks.read_lock("\n".join(lines)))) == len(lines)
    found = checks.lock()
    if found.state == "ok":
        assert found.seen == f"all {len(lines)} packages as in requirements.lock"
    else:
        assert found.seen.startswith(("differs: ", "not installed: "))


def test_what_is_installed_is_held_against_the_lock(tmp_path: Path) -> None:
    path = tmp_path / "requirements.lock"
    assert checks.lock(path).seen.startswith("no requirements.lock")
    numpy = checks.installed("numpy")
    path.write_text(f"numpy=={numpy}\n")
    assert checks.lock(path) == ("lock", "ok", "all 1 packages as in requirements.lock", "")
    path.write_text(f"numpy=={numpy}\nno-such-package==1.0\n")
    assert checks.lock(path).seen == "not installed: no-such-package"
    path.write_text("numpy==0.1\n")
    assert checks.lock(path).seen == f"differs: numpy {numpy} (lock: 0.1)"


def test_the_lock_is_read_by_name_and_version() -> None:
    text = "# comment\nabsl-py==1.4.0\nkeras==2.15.0 ; python_version>='3'\n"
    assert list(checks.read_lock(text)) == [("absl-py", "1.4.0"), ("keras", "2.15.0")]


def test_a_full_disk_a_file_and_a_folder_that_may_not_be_written(tmp_path, monkeypatch) -> None:
    assert checks.folder("run folder", tmp_path / "a" / "b", 1).state == "ok"
    (tmp_path / "file").touch()
    assert "is a file" in checks.folder("run folder", tmp_path / "file" / "b", 1).seen
    assert checks.folder("run folder", Path("/proc/none"), 1).state == "missing"
    monkeypatch.setattr(checks.shutil, "disk_usage", lambda path: Usage(1, 1, 5))
    full = checks.folder("run folder", tmp_path, 10)
    assert full.state == "missing" and "free at least" in full.advice


def test_a_card_that_tensorflow_does_not_see_is_noted(monkeypatch) -> None:
    monkeypatch.setattr(checks.shutil, "which", lambda name: "/usr/bin/" + name)
    [finding] = checks.devices(lambda: ["CPU:0"])
    assert finding.state == "note" and "perceiver-keras[gpu]" in finding.advice
    [finding] = checks.devices(lambda: ["CPU:0", "GPU:0 H100"])
    assert finding == ("devices", "ok", "GPU:0 H100", "")


def test_tensorflow_that_does_not_load_is_missing() -> None:
    def broken() -> list[str]:
        raise ImportError("libcudart.so: cannot open")

    [finding] = checks.devices(broken)
    assert finding.state == "missing" and "libcudart.so" in finding.seen
