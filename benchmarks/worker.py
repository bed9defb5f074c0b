"""One side of one case, in a process of its own: `python worker.py ADAPTER.py`, told what to do through a pipe.

It needs nothing but Python's standard library, so it runs in every peer's environment. A request is a line of JSON on
standard input, {"do": "build", "case": {…}}, {"do": "call"} or {"do": "ask", "name": …, "case": {…}}; the answer is a
line of JSON on standard output. Whatever libraries print goes to standard error.
"""

from __future__ import annotations

import contextlib
import ctypes
import importlib.util
import json
import os
import resource
import signal
import sys
import time
import traceback
from typing import Any


class Side:
    """What an adapter made of a case, and how long each part took, in seconds."""

    def __init__(self, adapter: str):
        started = time.perf_counter()
        spec = importlib.util.spec_from_file_location("adapter", adapter)
        self._adapter = sys.modules["adapter"] = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(self._adapter)
        self._versions = self._adapter.versions()
        self._import = time.perf_counter() - started
        self._call: Any = None

    def build(self, case: dict[str, Any]) -> dict[str, Any]:
        """Makes the model, compiles it if there is something to compile, and calls it for the first time."""
        built, seconds = timed(lambda: self._adapter.build(case))
        told = {"import": self._import, "build": seconds, "versions": self._versions}
        told |= {
            name: built[name] for name in ("parameters", "repeats", "examples") if name in built
        }
        if built.get("compile"):
            told["compile"] = timed(built["compile"])[1]
        self._call = built["call"]
        told["first_call"] = timed(self._call)[1]
        return told | {"peak": peak_memory()}

    def call(self) -> dict[str, Any]:
        before = cpu_seconds()
        _, seconds = timed(self._call)
        return {"seconds": seconds, "cpu": cpu_seconds() - before, "peak": peak_memory()}

    def ask(self, name: str, case: dict[str, Any]) -> dict[str, Any]:
        """What another function of the adapter says of a case."""
        return getattr(self._adapter, name)(case)


def timed(function: Any) -> tuple[Any, float]:
    started = time.perf_counter()
    result = function()
    return result, time.perf_counter() - started


def cpu_seconds() -> float:
    """Of this process, in its own code and in the kernel, all threads together."""
    used = resource.getrusage(resource.RUSAGE_SELF)
    return used.ru_utime + used.ru_stime


def peak_memory() -> int:
    """The most memory that was resident at once, in bytes."""
    try:
        with open("/proc/self/status", encoding="utf-8") as file:
            (line,) = (line for line in file if line.startswith("VmHWM:"))
        return int(line.split()[1]) * 1024
    except (OSError, ValueError):
        size = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        return size if sys.platform == "darwin" else size * 1024


def end_with_the_parent() -> None:
    """Linux: a worker that was stopped between two calls would otherwise outlive a benchmark that is killed."""
    set_parent_death_signal = 1  # of linux/prctl.h
    with contextlib.suppress(OSError, AttributeError):
        ctypes.CDLL(None).prctl(set_parent_death_signal, signal.SIGKILL)


def main() -> None:
    end_with_the_parent()
    # The answers keep the pipe to themselves: libraries, C++ code and child processes get standard error.
    answers = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)
    sys.stdout = sys.stderr
    # The folder of this file, whose modules could be taken for others of the same names.
    sys.path.pop(0)
    side = None
    for line in sys.stdin:
        request = json.loads(line)
        try:
            side = side or Side(sys.argv[1])
            arguments = {key: value for key, value in request.items() if key != "do"}
            reply = getattr(side, request["do"])(**arguments)
        except Exception as error:
            traceback.print_exc()
            first = str(error).strip().splitlines() or [""]
            reply = {"error": f"{type(error).__name__}: {first[0]}"[:300]}
        print(json.dumps(reply), file=answers, flush=True)


if __name__ == "__main__":
    main()
