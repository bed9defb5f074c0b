"""Measures one case: a process per side, the sides taking turns call by call."""

from __future__ import annotations

import contextlib
import json
import os
import selectors
import signal
import statistics
import subprocess
import tempfile
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from perceiver_keras.benchmarks import machine
from perceiver_keras.benchmarks.peers import Ready
from perceiver_keras.errors import PerceiverError

PATIENCE = 3600.0  # seconds that one answer may take; XLA compiles the largest models for minutes


@dataclass(frozen=True)
class Calls:
    """How often each side is called: `least` times, and on until `seconds` of calls are over, `most` times at most."""

    least: int = 3
    most: int = 20
    seconds: float = 30.0


QUICK = Calls(least=2, most=2)


class SideFailed(PerceiverError):
    """A side could not do a case; the message says why."""


class Worker:
    """A side's process. Between requests it is stopped, so that no thread of it takes time from another side."""

    def __init__(self, side: Ready):
        self.title = side.side.title
        self._said = tempfile.TemporaryFile()  # noqa: SIM115 (`close` closes it)
        self._process = subprocess.Popen(
            side.command(),
            env=side.environment(),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._said,
        )

    def request(self, do: str, **arguments: Any) -> dict[str, Any]:
        """Sends a request and waits for the answer.

        Raises:
          SideFailed: the side answered with an error, died, or took longer than `PATIENCE`.
        """
        self._signal(signal.SIGCONT)
        try:
            self._process.stdin.write(json.dumps({"do": do, **arguments}).encode() + b"\n")
            self._process.stdin.flush()
            line = self._line()
        except BrokenPipeError:
            line = b""
        if not line:
            raise SideFailed(self._why())
        self._stop()
        answer = json.loads(line)
        if "error" in answer:
            raise SideFailed(answer["error"])
        return answer

    def close(self) -> None:
        """Ends the process, whatever it is doing."""
        self._process.kill()
        self._process.wait()
        for stream in (self._process.stdin, self._process.stdout, self._said):
            with contextlib.suppress(OSError):
                stream.close()

    def _line(self) -> bytes:
        # The pipe is never buffered ahead: there is one line per request.
        with selectors.DefaultSelector() as selector:
            selector.register(self._process.stdout, selectors.EVENT_READ)
            if not selector.select(PATIENCE):
                raise SideFailed(f"no answer in {PATIENCE:.0f} s")
        return self._process.stdout.readline()

    def _stop(self) -> None:
        self._signal(signal.SIGSTOP)
        # The signal reaches each thread on its own; this returns when the last of them has stopped.
        os.waitid(os.P_PID, self._process.pid, os.WSTOPPED | os.WEXITED | os.WNOWAIT)

    def _signal(self, number: int) -> None:
        with contextlib.suppress(ProcessLookupError):
            os.kill(self._process.pid, number)

    def _why(self) -> str:
        code = self._process.wait()
        self._said.seek(0)
        lines = self._said.read().decode(errors="replace").strip().splitlines()
        if code == -signal.SIGKILL:
            return "killed, probably for want of memory"
        return f"ended with exit code {code}: {lines[-1][:200] if lines else 'no message'}"


@contextlib.contextmanager
def worker(side: Ready) -> Iterator[Worker]:
    started = Worker(side)
    try:
        yield started
    finally:
        started.close()


def measure(
    sides: Sequence[Ready], case: dict[str, Any], calls: Calls
) -> tuple[dict[str, Any], float | None]:
    """Builds a case on each side, then calls the sides in turn.

    Args:
      sides: Ours first.
      case: As JSON, with what `sides/ours.py` says of it.
      calls: How often.

    Returns:
      For each side's name, {"seconds": [...], "cpu": [...], "peak": bytes, "first_call", "import", "build", "compile":
      seconds, "versions": …}, or {"failed": why}. And the share of all processors' time that other work took
      meanwhile, if that is known.
    """
    found: dict[str, Any] = {}
    used = 0.0  # CPU seconds of all calls
    with contextlib.ExitStack() as stack:
        working: dict[str, Worker] = {}
        for side in sides:
            name = side.side.name
            process = stack.enter_context(worker(side))
            try:
                built = process.request("build", case=case | side.side.extra)
            except SideFailed as error:
                found[name] = {"failed": str(error)}
                process.close()
                continue
            found[name] = {"repeats": 1} | built | {"seconds": [], "cpu": []}
            working[name] = process
        started, busy = time.perf_counter(), machine.busy()
        for turn in range(calls.most):
            # Whoever goes first finds the caches of the one before; so each goes first in its turn.
            names = list(working)
            for name in names[turn % max(len(names), 1) :] + names[: turn % max(len(names), 1)]:
                try:
                    one = working[name].request("call")
                except SideFailed as error:
                    found[name] = {"failed": str(error)}
                    working.pop(name).close()
                    continue
                used += one["cpu"]
                repeats = found[name]["repeats"]
                found[name]["seconds"].append(one["seconds"] * repeats)
                found[name]["cpu"].append(one["cpu"] * repeats)
                found[name]["peak"] = one["peak"]
            enough = time.perf_counter() - started > calls.seconds * max(len(working), 1)
            if not working or (turn + 1 >= calls.least and enough):
                break
        elapsed = time.perf_counter() - started
        others = None
        if busy is not None and elapsed > 0:
            others = max(machine.busy() - busy - used, 0.0) / (elapsed * os.cpu_count())
    return found, others


def spread(seconds: Sequence[float]) -> dict[str, float]:
    """{"median", "min", "max"} of one side's calls."""
    return {
        "median": statistics.median(seconds),
        "min": min(seconds),
        "max": max(seconds),
    }
