"""Which Python the setup takes, on machines made of small shell scripts."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

VERSION = "{}.{}".format(*sys.version_info[:2])
BASE = Path(sys.base_prefix, "bin", f"python{VERSION}")


@pytest.fixture
def machine(tmp_path: Path, repository: Path) -> Path:
    """A checkout of the script alone, and a folder `bin` that is all of PATH."""
    (tmp_path / "checkout" / "scripts").mkdir(parents=True)
    shutil.copy(repository / "scripts" / "find_python.sh", tmp_path / "checkout" / "scripts")
    (tmp_path / "checkout" / "perceiver_keras").mkdir()
    (tmp_path / "bin").mkdir()
    for tool in ("sh", "dirname"):
        (tmp_path / "bin" / tool).symlink_to(shutil.which(tool))
    return tmp_path


def program(path: Path, body: str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f"#!/bin/sh\n{body}\n", encoding="utf-8")
    path.chmod(0o755)
    return path


def real(path: Path) -> Path:
    return program(path, f'exec "{BASE}" "$@"')


def find(
    machine: Path, want: str = VERSION, stack: str = "", *options: str
) -> subprocess.CompletedProcess[str]:
    """With `want` as the version of the classic stack."""
    env = {"PATH": str(machine / "bin"), "HOME": str(machine), "PERCEIVER_PYTHON_VERSION": want}
    return subprocess.run(
        [str(machine / "checkout" / "scripts" / "find_python.sh"), *options],
        env=env | {"PERCEIVER_STACK": stack},
        capture_output=True,
        text=True,
        timeout=60,
    )


def test_a_python_on_path_is_taken(machine: Path) -> None:
    there = real(machine / "bin" / f"python{VERSION}")
    assert find(machine).stdout.strip() == str(there)


def test_a_shim_that_fails_is_passed_over_for_pyenvs_own(machine: Path) -> None:
    program(machine / "bin" / f"python{VERSION}", "echo 'command not found' >&2; exit 127")
    program(machine / "bin" / "pyenv", f"echo {machine}/pyenv")
    there = real(machine / "pyenv" / "versions" / f"{VERSION}.99" / "bin" / f"python{VERSION}")
    found = find(machine)
    assert found.stdout.strip() == str(there)
    assert found.stderr == ""


def test_a_python_of_another_version_is_not_taken(machine: Path) -> None:
    # It answers for its version and does nothing else: fetching uv with it would need a registry.
    program(
        machine / "bin" / "python3",
        f'case "$2" in *version_info*) exec "{BASE}" "$@";; esac; exit 1',
    )
    assert find(machine).returncode == 0
    assert find(machine, "2.1", "classic").returncode == 1  # no stack: a newer one may do


def test_uv_is_asked_to_find_before_it_is_asked_to_install(machine: Path) -> None:
    there = real(machine / "managed" / "python")
    program(
        machine / "bin" / "uv",
        f'[ "$2" = install ] && : > {machine}/installed\n'
        f"[ -e {machine}/installed ] && echo {there}; exit 0",
    )
    found = find(machine)
    assert found.stdout.strip() == str(there)
    assert "asking uv" in found.stderr

    again = find(machine)
    assert again.stdout.strip() == str(there)
    assert again.stderr == ""


def test_without_any_the_error_says_what_to_install(machine: Path) -> None:
    found = find(machine)
    assert found.returncode == 1
    assert found.stdout == ""
    assert f"no Python {VERSION} found" in found.stderr
    assert f"apt-get install python{VERSION}" in found.stderr


def test_the_environment_of_this_checkout_comes_first(machine: Path) -> None:
    real(machine / "bin" / f"python{VERSION}")
    own = real(machine / "checkout" / ".venv" / "bin" / "python")
    assert find(machine).stdout.strip() == str(own)
    os.unlink(own)
    assert find(machine).stdout.strip() == str(machine / "bin" / f"python{VERSION}")


def newer(machine: Path, why_not: str, version: str = "3.12") -> Path:
    """A Python of the modern stack: it says that it is of that version, and why TFX can't be installed."""
    return program(
        machine / "bin" / f"python{version}",
        f"""case "$2" in *"!= '{version}'"*) exit 0;; *"!= '"*) exit 1;; esac
case "$1" in */stack.py) echo "{why_not}"; exit 0;; esac; exit 1""",
    )


def test_where_python_3_10_cant_be_had_a_newer_one_is_taken_which_is_said(machine: Path) -> None:
    there = newer(machine, "")
    found = find(machine, "3.10")
    assert found.stdout.strip() == str(there) and found.returncode == 0
    assert "no Python 3.10 found" in found.stderr and "the modern stack" in found.stderr


def test_not_where_the_pipeline_cant_be_installed_and_then_it_says_why(machine: Path) -> None:
    newer(machine, "TFX wants glibc 2.39, and this machine has glibc 2.36")
    found = find(machine, "3.10")
    assert (found.stdout, found.returncode) == ("", 1)
    assert "this machine has glibc 2.36" in found.stderr
    assert "make STACK=modern setup" in found.stderr


def test_the_newest_is_taken_for_the_modern_stack(machine: Path) -> None:
    newer(machine, "", "3.11")
    newest = newer(machine, "", "3.13")
    newer(machine, "", "3.12")
    assert find(machine, "3.10", "modern").stdout.strip() == str(newest)


def test_the_classic_stack_is_never_exchanged_for_another(machine: Path) -> None:
    newer(machine, "")
    found = find(machine, "3.10", "classic")
    assert (found.stdout, found.returncode) == ("", 1)
    assert find(machine, "3.10", "new").stderr.endswith("write classic or modern.\n")


def test_nothing_is_fetched_if_only_what_is_here_is_asked_for(machine: Path) -> None:
    program(machine / "bin" / "uv", f'[ "$2" = install ] && : > {machine}/installed; exit 1')
    for stack in ("", "modern"):
        assert find(machine, "3.10", stack, "--here").returncode == 1
    assert not (machine / "installed").exists()
    find(machine, "3.10", "modern")
    assert (machine / "installed").exists()
