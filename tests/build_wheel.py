"""The project's wheel, for the tests that look into it or install it."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

from tests.style.tree import PACKAGES

FOR_BUILDING = ("setup.py", "pyproject.toml", "README.md", "LICENSE", "BUILD")


def build_wheel(repository: Path, copy: Path) -> Path:
    """Builds it in `copy`, where `build` is a file, as BUILD is on macOS's disks."""
    skip = shutil.ignore_patterns("__pycache__")
    for name in (*PACKAGES, "tests"):
        shutil.copytree(repository / name, copy / name, ignore=skip)
    for name in FOR_BUILDING:
        if (repository / name).exists():
            shutil.copy(repository / name, copy)
    shutil.copy(copy / "BUILD", copy / "build")
    # In the tree itself, as `pip install .` does it; `python -m build` goes through an archive.
    command = [sys.executable, "setup.py", "-q", "bdist_wheel", "--dist-dir", "out"]
    done = subprocess.run(command, cwd=copy, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    assert (copy / "build").is_file()
    (built,) = (copy / "out").glob("*.whl")
    return built
