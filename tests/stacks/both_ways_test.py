"""What is saved on one stack is used on the other, both ways."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

from perceiver_keras import stack
from tests.stacks import saved


@pytest.fixture(scope="module")
def other(repository: Path) -> Path:
    """The Python of the other stack's environment."""
    folder = ".venv" if stack.is_modern() else ".venv-modern"
    python = Path(
        os.environ.get("PERCEIVER_OTHER_PYTHON") or repository / folder / "bin" / "python"
    )
    if not python.exists():
        pytest.skip(f"no {folder} here; `make setup` and `make test-modern` make both environments")
    return python


def test_both_read_what_the_other_saved(other: Path, repository: Path, tmp_path: Path) -> None:
    here, there = tmp_path / "here", tmp_path / "there"
    saved.write(here)
    env = {key: value for key, value in os.environ.items() if key != stack.SWITCH}
    done = subprocess.run(
        [other, "-m", "tests.stacks.saved", "read", here, "write", there],
        cwd=repository,
        env=env,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr[-3000:]
    saved.read(there)
