"""The image: what its Dockerfile copies is there, is all that the wheel needs, and installs what the manifests call."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import pytest

from tests.style.tree import PACKAGES, ROOT

DOCKERFILE = ROOT / "deploy" / "Dockerfile"
IGNORE = ROOT / "deploy" / "Dockerfile.dockerignore"


def instructions() -> list[tuple[str, str]]:
    text = DOCKERFILE.read_text().replace("\\\n", " ")
    lines = [line for line in text.splitlines() if line and not line.startswith("#")]
    return [tuple(line.split(maxsplit=1)) for line in lines]


def copied() -> list[str]:
    return [
        name for kind, rest in instructions() if kind == "COPY" for name in shlex.split(rest)[:-1]
    ]


def test_what_is_copied_is_there_and_is_not_ignored():
    for name in copied():
        assert (ROOT / name).exists(), name
    kept = {line[1:] for line in IGNORE.read_text().splitlines() if line.startswith("!")}
    assert kept == set(copied())
    assert IGNORE.read_text().splitlines()[0] == "*"


def test_the_wheel_is_made_of_all_packages():
    assert set(PACKAGES) | {"setup.py", "requirements.lock"} <= set(copied())


def test_the_package_comes_after_the_lock_so_that_its_layer_alone_changes():
    order = [name for name in copied() if name in ("requirements.lock", "setup.py")]
    assert order == ["requirements.lock", "setup.py"]
    installs = [rest for kind, rest in instructions() if kind == "RUN" and "pip install" in rest]
    assert "-r /opt/perceiver/requirements.lock" in installs[0]
    assert "/opt/perceiver/source" in installs[-1] and "--no-deps" in installs[-1]


def test_pythons_version_is_that_of_the_package():
    [base] = [rest for kind, rest in instructions() if kind == "FROM"]
    needed = re.search(r'python_requires=">=([\d.]+)', (ROOT / "setup.py").read_text())[1]
    assert base == f"python:{needed}-slim"


@pytest.mark.parametrize("tool", ["setuptools", "wheel"])
def test_the_lock_has_what_builds_the_wheel(tool):
    """It is built without the index: --no-build-isolation."""
    assert re.search(rf"^{tool}==", Path(ROOT / "requirements.lock").read_text(), re.M)
