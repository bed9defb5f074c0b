"""Who is killed while TensorFlow connects the workers.

Meanwhile no thread of Python runs, and a chief would wait without end. So the connections of the meeting stay open, and
a small process looks at them: the system closes a connection when the process at its other end ends, however it ends.
"""

from __future__ import annotations

import contextlib
import os
import select
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence

_STARTED = b"1"


@contextlib.contextmanager
def guard(others: Mapping[str, socket.socket], late: str, seconds: float) -> Iterator[None]:
    """Within the block, this process is killed, with words on stderr, when another worker ends.

    Args:
      others: {words about a worker that is gone: the connection to it}; closed after the block.
      late: The words if the block takes longer than `seconds`.
    """
    ended, end = os.pipe()
    numbers = [connection.fileno() for connection in others.values()]
    words = [f"{number}={text}" for number, text in zip(numbers, others, strict=True)]
    command = [sys.executable, "-IS", __file__, str(os.getpid()), str(ended), str(seconds), late]
    process = subprocess.Popen([*command, *words], pass_fds=[ended, *numbers])
    os.close(ended)
    try:
        yield
        for connection in others.values():
            with contextlib.suppress(OSError):
                connection.sendall(_STARTED)
    finally:
        os.close(end)
        process.wait()
        for connection in others.values():
            connection.close()


def look(parent: int, ended: int, seconds: float, late: str, words: Mapping[int, str]) -> None:
    """Returns when `ended` is closed; kills the parent when a connection is, or after `seconds`."""
    poll = select.poll()
    for number in (ended, *words):
        poll.register(number, select.POLLIN)
    while True:
        ready = [number for number, _ in poll.poll(1000 * seconds)]
        if ended in ready:
            return
        for number in ready:
            if _read(number) != _STARTED:
                return _kill(parent, words[number])
            poll.unregister(number)
        if not ready:
            return _kill(parent, late)


def _read(number: int) -> bytes:
    try:
        return os.read(number, 1)
    except OSError:
        return b""


def _kill(parent: int, text: str) -> None:
    if os.getppid() == parent:
        print(f"Error: {text}", file=sys.stderr, flush=True)
        os.kill(parent, signal.SIGKILL)  # nothing else reaches a process that is inside TensorFlow


def main(arguments: Sequence[str]) -> None:
    parent, ended, seconds, late, *words = arguments
    pairs = (word.partition("=") for word in words)
    look(int(parent), int(ended), float(seconds), late, {int(n): text for n, _, text in pairs})


if __name__ == "__main__":
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the parent's business
    main(sys.argv[1:])
