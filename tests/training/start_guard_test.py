"""Real processes, in which no thread of Python runs while they are guarded."""

from __future__ import annotations

import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from perceiver_keras.training.start_guard import guard

# PyDLL keeps the interpreter's lock during a call, as TensorFlow does while it connects the workers.
STARTING = """
import ctypes, socket, sys
from perceiver_keras.training.start_guard import guard
number, seconds, blocked = int(sys.argv[1]), float(sys.argv[2]), int(sys.argv[3])
with guard({"Worker 1 is gone.": socket.socket(fileno=number)}, "Nobody answers.", seconds):
    print("guarded", flush=True)
    ctypes.PyDLL(None).usleep(blocked)
print("started")
"""
LONG = 60_000_000  # microseconds


class Starting:
    def __init__(self, repository: Path, seconds: float, blocked: int):
        self.connection, theirs = socket.socketpair()
        arguments = map(str, (theirs.fileno(), seconds, blocked))
        self.process = subprocess.Popen(
            [sys.executable, "-c", STARTING, *arguments],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            cwd=repository,
            pass_fds=[theirs.fileno()],
        )
        theirs.close()
        assert self.process.stdout.readline() == "guarded\n"

    def end(self) -> tuple[int, str, str]:
        told = self.process.communicate(timeout=20)
        return (self.process.returncode, *told)


@pytest.fixture
def starting(repository: Path) -> Iterator[object]:
    made = []

    def start(seconds: float = 30, blocked: int = LONG) -> Starting:
        made.append(Starting(repository, seconds, blocked))
        return made[-1]

    yield start
    for one in made:
        one.process.kill()
        one.connection.close()


def test_one_that_is_gone_is_named_and_ends_the_other_at_once(starting):
    one = starting()
    began = time.monotonic()
    one.connection.close()
    assert one.end() == (-signal.SIGKILL, "", "Error: Worker 1 is gone.\n")
    assert time.monotonic() - began < 5


def test_one_that_never_answers_is_given_up(starting):
    assert starting(seconds=0.5).end() == (-signal.SIGKILL, "", "Error: Nobody answers.\n")


def test_who_has_started_may_leave_and_says_so_itself(starting):
    one = starting(blocked=500_000)
    one.connection.sendall(b"1")
    one.connection.shutdown(socket.SHUT_WR)
    assert one.end() == (0, "started\n", "")
    assert one.connection.recv(9) == b"1" and one.connection.recv(9) == b""


def test_an_error_while_it_starts_is_the_end_for_the_others():
    ours, theirs = socket.socketpair()
    with theirs:
        with pytest.raises(OSError, match="no port"), guard({"gone": ours}, "late", 30):
            raise OSError("no port")
        assert theirs.recv(9) == b""
