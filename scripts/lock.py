"""Write the locks from setup.py's ranges: only `name==version` lines.

Locked versions are kept if the ranges allow them; `--upgrade` takes the newest. CUDA's wheels (the
extra `gpu`, 3 GB) are left out, because `make setup` must work on any machine. Airflow moves flask,
werkzeug and others back, so what it runs with is locked apart. The locks of the modern stack are for Python 3.11 to
3.13; the one with TFX is also for a glibc that this machine may not have.
"""

from __future__ import annotations

import os
import re
import shutil
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

from setup_venv import ROOT, run, say, uv_and_environment

ALL = ("pipeline", "serve", "text", "video", "dev")


class Lock(NamedTuple):
    """What a lock is made for: extras, a version of Python, and the platform if it is another than this one's."""

    extras: Sequence[str]
    python: str = "3.10"
    platform: str | None = None
    override: str = ""  # a requirement that takes the place of what packages ask for


MODERN = "3.11"  # the oldest that it serves
LOCKS = {
    "requirements.lock": Lock(("tpu", "onnx", *ALL)),
    "requirements-airflow.lock": Lock(("pipeline", "text", "video", "airflow", "dev")),
    # Beam asks for an older google-apitools before Python 3.13, which does not import on 3.13.
    "requirements-modern.lock": Lock(
        ("onnx", *ALL), MODERN, "x86_64-manylinux_2_40", "google-apitools>=0.5.35"
    ),
    "requirements-modern-core.lock": Lock(("onnx", *ALL[1:]), MODERN),
}


def main(arguments: list[str]) -> int:
    uv, env = uv_and_environment(ROOT)
    if uv is None:
        say("locks can only be written with uv")
        return 1
    return max(write(name, lock, uv, env, arguments) for name, lock in LOCKS.items())


def write(
    name: str, wanted: Lock, uv: Path, env: Mapping[str, str], arguments: Sequence[str]
) -> int:
    """Writes one lock; returns the exit code."""
    lock = ROOT / name
    aside = Path(f"{lock}.tmp-{os.getpid()}")
    lock.touch()
    override = Path(f"{aside}.override")
    shutil.copyfile(lock, aside)
    try:
        command = [uv, "pip", "compile", "setup.py", "--quiet", "--python-version", wanted.python]
        for extra in wanted.extras:
            command += ["--extra", extra]
        if wanted.platform:
            command += ["--python-platform", wanted.platform]
        override.write_text(wanted.override, encoding="utf-8")
        command += ["--override", override]
        command += ["--no-header", "--no-annotate", "--output-file", aside.name, *arguments]
        if not run(*command, env=env):
            say(f"no set of versions fits setup.py's ranges; {name} is unchanged")
            return 1
        lines = aside.read_text(encoding="utf-8").splitlines()
        odd = [line for line in lines if not re.fullmatch(r"[a-z0-9.-]+==[A-Za-z0-9.+!]+", line)]
        if odd:
            say(f"lines that are not name==version: {odd[:3]}; {name} is unchanged")
            return 1
        before = set(lock.read_text(encoding="utf-8").split())
        os.replace(aside, lock)
    finally:
        aside.unlink(missing_ok=True)
        override.unlink(missing_ok=True)
    changed = sorted(set(lines) ^ before)
    say(f"{name}: {len(lines)} packages locked, {len(set(lines) - before)} of them changed")
    for line in changed:
        say(("+ " if line in lines else "- ") + line)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
