"""A command of `perceiver` that `try_kills.py` starts, looks into, and kills."""

from __future__ import annotations

import contextlib
import ctypes
import faulthandler
import fcntl
import multiprocessing
import os
import re
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
LIMIT = 900.0  # seconds that one attempt may take
# The folder in which each process has a file for its stack, which it writes there when it gets SIGUSR1.
STACKS = "TRY_KILLS_STACKS"
# The number of the script's process.
SCRIPT = "TRY_KILLS_SCRIPT"
# What a process does while its main thread is in a function of ours. More special ones come first.
PLACES = (
    ("checkpoint.py", "save", "saving a checkpoint"),
    ("checkpoint.py", "restore", "restoring"),
    ("train.py", "_evaluate_saved", "evaluating"),
    ("train.py", "_write_history", "writing the curve"),
    ("model.py", "save_to_preset", "saving the model"),
    ("workers.py", "from_chief", "waiting for the chief"),
    ("train.py", "go", "steps"),
    ("train.py", "fit", "building"),
)
_HOOK = f"""
import faulthandler, os, signal
path = os.path.join(os.environ[{STACKS!r}], str(os.getpid()))
faulthandler.register(signal.SIGUSR1, open(path, "w"), all_threads=True)
"""

# Imports of TensorFlow and TFX take longer than a small run: one process does them, runs nothing, and is the parent.
processes = multiprocessing.get_context("forkserver")
# The tests come first: TFX puts a library's folder on the path that has a `tests` too.
processes.set_forkserver_preload(
    ["tests.tiny_workers", "perceiver_keras.train", "perceiver_keras.pipeline.local_runner"]
)


def end_with_parent() -> None:
    """In a new process: if its parent is killed, it goes too. Linux only."""
    ctypes.CDLL(None).prctl(1, signal.SIGKILL)  # PR_SET_PDEATHSIG


def end_with(script: int) -> None:
    """In a fork, whose parent lives on for a while when the script is killed."""

    def watch() -> None:
        while alive(script):
            time.sleep(0.5)
        os.killpg(0, signal.SIGKILL)

    threading.Thread(target=watch, daemon=True).start()


def begin(output: str, environment: dict[str, str]) -> None:
    """In a fork: a process group of its own; what it says is appended to a file."""
    os.setsid()
    end_with(int(environment[SCRIPT]))
    os.environ.update(environment)
    tempfile.tempdir = None
    stack = Path(os.environ[STACKS], str(os.getpid()))
    faulthandler.register(signal.SIGUSR1, open(stack, "w"), all_threads=True)  # noqa: SIM115
    with open(output, "a") as file:
        for descriptor in (1, 2):
            os.dup2(file.fileno(), descriptor)
    sys.stdout = sys.stderr = os.fdopen(1, "w", buffering=1)


def command(output: str, environment: dict[str, str], arguments: Sequence[str]) -> None:
    """The command line, in a fork."""
    begin(output, environment)
    from perceiver_keras import cli

    cli.main(list(arguments))


def loop(
    output: str,
    environment: dict[str, str],
    run_dir: Path,
    assignments: Sequence[str],
    addresses: Sequence[str],
    index: int,
) -> None:
    """`fit` with the small model of the tests, which starts in a tenth of the time, in a fork."""
    begin(output, environment)
    from tests import tiny_training, tiny_workers

    if len(addresses) > 1:
        tiny_workers.work(index, addresses, run_dir.parent, run_dir / str(index), *assignments)
        return
    tiny_training.run(str(run_dir / "0" / "state"), str(run_dir / "0"), *assignments)


class KilledRun:
    """One start of a command, and what can be seen of it from outside.

    Args:
      arguments: Of `perceiver`.
      run_dir: Where the command works; what it says is next to it.
      work: For stacks and temporary files.
      alone: Whether it starts with an interpreter of its own, as what it starts does, or as a fork.
    """

    def __init__(self, arguments: Sequence[str], run_dir: Path, work: Path, alone: bool):
        self.run_dir, self._stacks = run_dir, work / "stacks"
        self.output = run_dir.with_name(f"{run_dir.name}.txt")
        self._before = len(self.said())
        for folder in (self._stacks, work / "tmp", work / "hook"):
            folder.mkdir(parents=True, exist_ok=True)
        environment = {
            STACKS: str(self._stacks),
            SCRIPT: str(os.getpid()),
            "TMPDIR": str(work / "tmp"),
        }
        arguments = [*arguments, "--run-dir", str(run_dir)]
        self.process: Any
        wait_until(lambda: not in_use(run_dir))
        if alone:
            # Python imports a module of this name in every process.
            (work / "hook" / "sitecustomize.py").write_text(_HOOK)
            environment["PYTHONPATH"] = f"{work / 'hook'}{os.pathsep}{ROOT}"
            with open(self.output, "a") as file:
                self.process = subprocess.Popen(
                    [sys.executable, "-m", "perceiver_keras.cli", *arguments],
                    stdout=file, stderr=file, stdin=subprocess.DEVNULL, start_new_session=True,
                    env={**os.environ, **environment}, preexec_fn=end_with_parent,
                )  # fmt: skip
        else:
            self.process = processes.Process(
                target=command, args=(str(self.output), environment, arguments)
            )
            self.process.start()
        self.pid: int = self.process.pid
        self.pids = [self.pid]

    def said(self) -> str:
        return self.output.read_text() if self.output.exists() else ""

    def said_now(self) -> str:
        """What this start of it has said."""
        return self.said()[self._before :]

    def code(self) -> int | None:
        """The exit code once it has ended; negative: the signal."""
        alone = isinstance(self.process, subprocess.Popen)
        return self.process.poll() if alone else self.process.exitcode

    def ended_within(self, seconds: float) -> bool:
        until = time.monotonic() + seconds
        while self.code() is None and time.monotonic() < until:
            time.sleep(0.01)
        return self.code() is not None

    def step(self) -> int:
        """Of the newest checkpoint."""
        names = (self.run_dir / "training").glob("ckpt-*.index")
        return max((int(path.stem[5:]) for path in names), default=0)

    def children(self) -> list[int]:
        try:
            text = Path(f"/proc/{self.pid}/task/{self.pid}/children").read_text()
        except OSError:
            return []
        return [int(number) for number in text.split()]

    def where(self, pid: int) -> str:
        """What a process of it is doing, from its own stack."""
        path = self._stacks / str(pid)
        if not path.exists():  # it has not come so far
            return "starting"
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGUSR1)
        until, text = time.monotonic() + 0.5, ""
        while not text.endswith(">\n") and time.monotonic() < until:
            time.sleep(0.002)
            text = path.read_text()
        # The main thread, the oldest, is the last one.
        main = re.split(r"\n\n", text.strip())[-1]
        frames = re.findall(r'File ".*/([^/]+)", line \d+ in (\w+)', main)
        for file, function, place in PLACES:
            if (file, function) in frames:
                return place
        return "starting or ending"

    def kill(self) -> None:
        """SIGKILL to all its processes and their groups."""
        for pid in self.pids:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(pid, signal.SIGKILL)
        self.ended_within(30)


def warm_up() -> None:
    """Lets the parent of all forks do its imports, which count for no start."""
    first = processes.Process(target=int)
    first.start()
    first.join()


def make_data(folder: Path) -> None:
    """The examples of `loop`'s workers."""
    folder.mkdir(exist_ok=True)
    maker = processes.Process(target=_store, args=(folder,))
    maker.start()
    maker.join()


def _store(folder: Path) -> None:
    from tests import tiny_workers

    tiny_workers.store(folder)


class KilledLoop(KilledRun):
    """`fit` itself, in one process or in several workers."""

    def __init__(self, assignments: Sequence[str], run_dir: Path, work: Path, workers: int):
        self.run_dir, self._stacks = run_dir, work / "stacks"
        self.output = run_dir.with_name(f"{run_dir.name}.txt")
        self._before = len(self.said())
        for folder in (self._stacks, work / "tmp", run_dir):
            folder.mkdir(parents=True, exist_ok=True)
        environment = {
            STACKS: str(self._stacks),
            SCRIPT: str(os.getpid()),
            "TMPDIR": str(work / "tmp"),
        }
        held = [socket.create_server(("127.0.0.1", 0)) for _ in range(workers)]
        addresses = [f"127.0.0.1:{server.getsockname()[1]}" for server in held]
        for server in held:
            server.close()
        given = (str(self.output), environment, run_dir, tuple(assignments), addresses)
        self.all = [
            processes.Process(target=loop, args=(*given, index)) for index in range(workers)
        ]
        for process in self.all:
            process.start()
        self.pids = [process.pid for process in self.all]
        self.pid = self.pids[0]

    def code(self) -> int | None:
        codes = [process.exitcode for process in self.all]
        return None if None in codes else max(codes, key=abs)

    def said(self) -> str:
        names = [*self.run_dir.glob("*/said"), self.output]
        return "".join(path.read_text() for path in names if path.exists())

    def step(self) -> int:
        names = (self.run_dir / "0" / "state").glob("ckpt-*.index")
        return max((int(path.stem[5:]) for path in names), default=0)


def in_use(run_dir: Path) -> bool:
    """Whether a worker of a start before this one still saves: its supervisor is gone, and it was asked to leave."""
    for lock in (run_dir / "training" / "lock", run_dir / "run.lock"):
        if lock.exists():
            with open(lock) as file:
                try:
                    fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
                except BlockingIOError:
                    return True
    return False


def alive(pid: int) -> bool:
    """Whether a process runs: a zombie has no command line any more."""
    try:
        return bool(Path(f"/proc/{pid}/cmdline").read_bytes())
    except OSError:
        return False


def wait_until(condition: Callable[[], bool], seconds: float = LIMIT) -> None:
    """Raises TimeoutError if that is not so within the time."""
    until = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > until:
            raise TimeoutError(f"{seconds:g} s were not enough")
        time.sleep(0.02)
