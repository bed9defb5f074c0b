"""Starts the workers of one training run on this machine, watches them, and starts all again when one was killed.

What a cluster's own manager does for pods, this does for processes: a worker that is killed ends the others (they say
so themselves), and all of them, started again, go on from the last checkpoint.
"""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import IO

from perceiver_keras.child_processes import leave_with_parent
from perceiver_keras.training.cluster import VARIABLE, to_text
from perceiver_keras.training.sigterm import TERMINATED

_LOOK = 0.05  # seconds between two looks at the workers
# Seconds in which the others leave by themselves once one is gone; one that is still starting may not notice.
_LEAVE = 10.0
_ASKS = (signal.SIGTERM, signal.SIGINT)  # these ask to leave, and nothing starts again


@dataclass(frozen=True, kw_only=True)
class Plan:
    """What to start.

    Attributes:
      command: Of each worker.
      workers: How many.
      restarts: How often all may be started again.
      grace: Seconds that all have for leaving after SIGTERM, before they are killed.
      devices: For each worker, the `CUDA_VISIBLE_DEVICES` it gets; None: what this process has.
      environment: More variables for all of them.
    """

    command: Sequence[str]
    workers: int
    restarts: int = 3
    grace: float = 30.0
    devices: Sequence[str] | None = None
    environment: Mapping[str, str] = field(default_factory=dict)


def supervise(plan: Plan, say: Callable[[str], None]) -> int:
    """Runs the workers until they are done; returns the exit code of the run.

    The chief's output is this process's; what the others write appears on stderr, each line with their number. Only a
    worker that was ended by a signal (out of memory, or killed) makes all start again: an error that a worker has
    explained would be the same again.

    Args:
      plan: What to start.
      say: Told of every start and end.
    """
    with _told_to_leave() as asked, _scratch() as scratch:
        for attempt in range(plan.restarts + 1):
            ended = _Attempt(plan, asked, scratch, say).run()
            if asked:
                say(
                    f"Stopped by {signal.Signals(asked[0]).name}; the same command goes on from there."
                )
                return 128 + asked[0]
            killed = next((end for end in ended if end.code < 0 and -end.code not in _ASKS), None)
            if killed is None:
                code = next((end.code for end in ended if end.code), 0)
                return code if code >= 0 else 128 - code
            name = _signal_name(-killed.code)
            if attempt == plan.restarts:
                say(f"Worker {killed.index} was killed by {name} once more; giving up.")
                return 1
            say(
                f"Worker {killed.index} was killed by {name}; all {plan.workers} start again "
                f"({attempt + 1} of at most {plan.restarts} times)."
            )
    raise AssertionError("the last attempt returns")


@dataclass(frozen=True)
class _End:
    index: int
    code: int  # negative: the signal that ended it


class _Attempt:
    """All workers once, from their start until the last one has ended."""

    def __init__(self, plan: Plan, asked: list[int], scratch: str, say: Callable[[str], None]):
        self._plan, self._asked, self._scratch, self._say = plan, asked, scratch, say

    def run(self) -> list[_End]:
        """How the workers ended, in that order; those that this process had to kill come last, as 1."""
        plan = self._plan
        with _free_ports(plan.workers) as ports:
            addresses = [f"127.0.0.1:{port}" for port in ports]
        processes = [self._start(addresses, index) for index in range(plan.workers)]
        readers = [
            reader for index, process in enumerate(processes) for reader in _shown(index, process)
        ]
        ended: list[_End] = []
        forced: list[int] = []
        until: float | None = None
        told = False
        while len(ended) < plan.workers:
            time.sleep(_LOOK)
            running = {i: p for i, p in enumerate(processes) if i not in [e.index for e in ended]}
            now = [(index, process.poll()) for index, process in running.items()]
            done = [_End(index, code) for index, code in now if code is not None]
            # Of those that ended between two looks, the killed one is the cause.
            ended += sorted(done, key=lambda end: end.code if end.index not in forced else 1)
            if self._asked and not told:
                told = True
                for process in running.values():
                    process.send_signal(signal.SIGTERM)
            left = any(end.code == TERMINATED or -end.code in _ASKS for end in ended)
            if until is None and (told or any(end.code for end in ended)):
                seconds = plan.grace if told or left else min(plan.grace, _LEAVE)
                until = time.monotonic() + seconds
            if until is not None and time.monotonic() > until:
                for index, process in running.items():
                    if index not in forced:
                        self._say(f"Worker {index} did not leave within {seconds:g} s: killed.")
                        forced.append(index)
                    process.kill()
        for reader in readers:
            reader.join(5)
        return [_End(e.index, 1) if e.index in forced and e.code < 0 else e for e in ended]

    def _start(self, addresses: Sequence[str], index: int) -> subprocess.Popen[bytes]:
        plan = self._plan
        environment = {**os.environ, **plan.environment, VARIABLE: to_text(addresses, index)}
        if index:
            environment["TMPDIR"] = self._scratch
        if plan.devices is not None:
            environment["CUDA_VISIBLE_DEVICES"] = plan.devices[index]
        pipe = None if index == 0 else subprocess.PIPE
        return subprocess.Popen(
            list(plan.command),
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=pipe,
            stderr=pipe,
            # Ctrl-C reaches only this process, which asks the workers to save and leave.
            start_new_session=True,
            preexec_fn=leave_with_parent,
        )


def _shown(index: int, process: subprocess.Popen[bytes]) -> Iterator[threading.Thread]:
    """Threads that copy what a worker writes to stderr, line by line."""

    def copy(source: IO[bytes]) -> None:
        for line in source:
            text = line.decode("utf-8", "replace").rstrip("\n")
            print(f"[worker {index}] {text}", file=sys.stderr, flush=True)

    for source in (process.stdout, process.stderr):
        if source is not None:
            reader = threading.Thread(target=copy, args=(source,), daemon=True)
            reader.start()
            yield reader


@contextlib.contextmanager
def _free_ports(count: int) -> Iterator[list[int]]:
    """Ports that nothing listens on, all different, held until the end of the context."""
    with contextlib.ExitStack() as stack:
        ports = []
        for _ in range(count):
            found = stack.enter_context(socket.socket())
            found.bind(("127.0.0.1", 0))
            ports.append(found.getsockname()[1])
        yield ports


@contextlib.contextmanager
def _told_to_leave() -> Iterator[list[int]]:
    """A list that SIGTERM or SIGINT puts its number into; only the main thread can catch them."""
    asked: list[int] = []
    if threading.current_thread() is not threading.main_thread():
        yield asked
        return
    before = [signal.signal(kind, lambda number, _: asked.append(number)) for kind in _ASKS]
    try:
        yield asked
    finally:
        for kind, handler in zip(_ASKS, before, strict=True):
            signal.signal(kind, handler)


def _scratch() -> tempfile.TemporaryDirectory[str]:
    """For what workers write and a kill would leave behind."""
    return tempfile.TemporaryDirectory(prefix="perceiver_workers_", ignore_cleanup_errors=True)


def _signal_name(number: int) -> str:
    try:
        return signal.Signals(number).name
    except ValueError:
        return f"signal {number}"


def devices(workers: int, each: int | None, gpus: int) -> list[str] | None:
    """The GPUs of each worker, as `CUDA_VISIBLE_DEVICES`; None: there are none to share.

    Args:
      workers: How many workers there are.
      each: GPUs per worker; None: as many as there are for each, equally.
      gpus: How many GPUs the machine has.
    """
    each = gpus // workers if each is None else each
    if not gpus or not each:
        return None
    return [
        ",".join(str(number) for number in range(each * index, each * (index + 1)))
        for index in range(workers)
    ]


def count_gpus() -> int:
    """GPUs that this process may use, found without TensorFlow."""
    visible = os.environ.get("CUDA_VISIBLE_DEVICES")
    if visible is not None:
        return len([name for name in visible.split(",") if name.strip() not in ("", "-1")])
    try:
        found = subprocess.run(["nvidia-smi", "-L"], capture_output=True, text=True, check=True)
    except (OSError, subprocess.CalledProcessError):
        return 0
    return sum(line.startswith("GPU ") for line in found.stdout.splitlines())
