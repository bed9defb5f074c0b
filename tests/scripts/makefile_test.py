"""`make`'s last lines say how to call what it made, whatever came of it."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import pytest

LAST = "Call it as .venv/bin/perceiver, or as perceiver after: source .venv/bin/activate"


@pytest.fixture
def checkout(tmp_path: Path, repository: Path) -> Path:
    """The Makefile with a setup that is done, and a `perceiver` that says its arguments and exits with 3."""
    shutil.copy(repository / "Makefile", tmp_path)
    perceiver = tmp_path / ".venv" / "bin" / "perceiver"
    for path, body in (
        (tmp_path / "scripts" / "setup.sh", "true"),
        (perceiver, 'echo "$@"; exit 3'),
    ):
        path.parent.mkdir(parents=True)
        path.write_text(f"#!/bin/sh\n{body}\n", encoding="utf-8")
        path.chmod(0o755)
    return tmp_path


def make(checkout: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    # These tests may themselves have been started by a make, which hands its arguments on.
    env = {key: value for key, value in os.environ.items() if not key.startswith("MAKE")}
    return subprocess.run(
        ["make", *arguments], cwd=checkout, env=env, capture_output=True, text=True
    )


def test_setup_says_how_to_call_it(checkout: Path) -> None:
    done = make(checkout, "setup")
    assert done.stdout.splitlines() == [LAST] and done.returncode == 0


def test_run_says_so_last_and_its_exit_code_stays(checkout: Path) -> None:
    done = make(checkout, "run", "ARGS=--seed 7")
    run, last = done.stdout.splitlines()
    assert run.startswith("run image_classification ") and run.endswith(" --seed 7")
    assert last == LAST and "Error 3" in done.stderr


def test_setup_before_another_target_is_quiet(checkout: Path) -> None:
    """pytest's own last line must stay the last one: continuous integration reads it."""
    (checkout / ".venv" / "bin" / "python").symlink_to("/bin/true")
    assert make(checkout, "test").stdout == ""
