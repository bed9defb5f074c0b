"""Write requirements.lock from setup.py's ranges: only `name==version` lines.

Locked versions are kept if the ranges allow them; `--upgrade` takes the newest. CUDA's wheels (the
extra `gpu`, 3 GB) are left out, because `make setup` must work on any machine.
"""

from __future__ import annotations

import os
import re
import shutil
import sys
from pathlib import Path

from setup_venv import ROOT, run, say, uv_and_environment

EXTRAS = ("pipeline", "text", "video", "dev")


def main(arguments: list[str]) -> int:
    uv, env = uv_and_environment(ROOT)
    if uv is None:
        say("requirements.lock can only be written with uv")
        return 1
    lock = ROOT / "requirements.lock"
    aside = Path(f"{lock}.tmp-{os.getpid()}")
    shutil.copyfile(lock, aside)
    try:
        command = [uv, "pip", "compile", "setup.py", "--quiet", "--python-version", "3.10"]
        for extra in EXTRAS:
            command += ["--extra", extra]
        command += ["--no-header", "--no-annotate", "--output-file", aside.name, *arguments]
        if not run(*command, env=env):
            say("no set of versions fits setup.py's ranges; requirements.lock is unchanged")
            return 1
        lines = aside.read_text(encoding="utf-8").splitlines()
        odd = [line for line in lines if not re.fullmatch(r"[a-z0-9.-]+==[A-Za-z0-9.+!]+", line)]
        if odd:
            say(f"lines that are not name==version: {odd[:3]}; requirements.lock is unchanged")
            return 1
        before = set(lock.read_text(encoding="utf-8").split())
        os.replace(aside, lock)
    finally:
        aside.unlink(missing_ok=True)
    changed = sorted(set(lines) ^ before)
    say(f"{len(lines)} packages locked, {len(set(lines) - before)} of them changed")
    for line in changed:
        say(("+ " if line in lines else "- ") + line)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
