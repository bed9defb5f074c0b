"""Whether the other workers still live, seen from a thread of its own.

TensorFlow notices a dead worker when it next exchanges something with it: after an evaluation, after a graph is traced,
or never, if both wait for a third. Here, a connection is held to the port at which a worker's TensorFlow listens. The
system closes it at the moment in which that process ends, however it ends.
"""

from __future__ import annotations

import os
import select
import socket
import sys
import threading
import time
from collections.abc import Callable, Iterable, Mapping

# Seconds between two looks.
_AGAIN = 0.2
# How long a worker whose connection was closed may be out of reach. While the workers start, what was found at its
# address may have been what is left of an earlier run.
_LOST, _LOST_AT_START = 0.5, 15.0
# How long a connection may take to be made: a host that is gone does not refuse, it is silent.
_TIMEOUT = 5.0
# How long the main thread has for leaving by itself, with the error that TensorFlow raises there.
PATIENCE = 5.0


class Watch:
    """Watches processes until `stop`; the first that is gone is told once.

    A process that has not been reachable yet is waited for. One that is stopped but not dead, and a network that
    swallows packets, are noticed by TensorFlow's own heartbeats.

    Args:
      others: {what messages call it: HOST:PORT}.
      tell: Called in another thread, with words about the worker that is gone.
      leave: Called with the same `patience` seconds later if `stop` has not been called by then; by default, it says
        so and ends the process, because nothing else reaches a main thread that waits in TensorFlow.
    """

    def __init__(
        self,
        others: Mapping[str, str],
        tell: Callable[[str], None] = lambda words: None,
        leave: Callable[[str], None] | None = None,
        patience: float = PATIENCE,
    ):
        self._others, self._tell, self._leave = dict(others), tell, leave or _end
        self._patience = patience
        self._stopped, self._settled = threading.Event(), threading.Event()
        self._noticed = threading.Event()
        self._gone: str | None = None
        self._thread = threading.Thread(target=self._look, name="watch", daemon=True)
        if self._others:
            self._thread.start()

    def gone(self, wait: float = 0.0) -> str | None:
        """Words about the worker that is gone; None if none is within `wait` seconds."""
        self._noticed.wait(wait)
        return self._gone

    def settle(self) -> None:
        """All workers have started."""
        self._settled.set()

    def stop(self) -> None:
        """From now on, workers may leave."""
        self._stopped.set()
        if self._thread.is_alive() and self._thread is not threading.current_thread():
            self._thread.join(2 * _TIMEOUT)

    def _look(self) -> None:
        held: dict[str, socket.socket | None] = dict.fromkeys(self._others)
        known: set[str] = set()
        try:
            while not self._stopped.is_set():
                for name in [name for name, connection in held.items() if connection is None]:
                    held[name] = self._connect(name, name in known)
                    if held[name] is not None:
                        known.add(name)
                    elif name in known and not self._stopped.is_set():
                        return self._lost(words(name))
                for name in _closed(held):
                    held[name] = None
                self._stopped.wait(_AGAIN)
        finally:
            for connection in held.values():
                if connection is not None:
                    connection.close()

    def _connect(self, name: str, known: bool) -> socket.socket | None:
        host, _, port = self._others[name].rpartition(":")
        until = time.monotonic() + (_LOST if self._settled.is_set() else _LOST_AT_START)
        while True:
            try:
                return socket.create_connection((host.strip("[]"), int(port)), _TIMEOUT)
            except OSError:
                if not known or time.monotonic() > until or self._stopped.wait(_AGAIN):
                    return None

    def _lost(self, text: str) -> None:
        self._gone = text
        self._noticed.set()
        # In a thread of its own: it may have to wait for a TensorFlow that is just starting.
        threading.Thread(target=self._tell, args=(text,), daemon=True).start()
        if not self._stopped.wait(self._patience):
            self._leave(text)


def _closed(held: Mapping[str, socket.socket | None]) -> Iterable[str]:
    """Those whose other end is closed. What a server says unasked is read and dropped."""
    names = {connection: name for name, connection in held.items() if connection is not None}
    poll = select.poll()  # `select` fails beyond 1024 open files
    numbers = {connection.fileno(): connection for connection in names}
    for number in numbers:
        poll.register(number, select.POLLIN)
    for number, _ in poll.poll(0):
        connection = numbers[number]
        try:
            closed = not connection.recv(1 << 16)
        except OSError:
            closed = True
        if closed:
            connection.close()
            yield names[connection]


def words(name: str) -> str:
    """What a worker says when another is gone."""
    return (
        f"{name[:1].upper()}{name[1:]} is gone; if it was not killed, its own last line says why. All workers must "
        "start again: they go on from the last checkpoint."
    )


def silent(name: str) -> str:
    """What a worker says when another is there and does not answer."""
    return (
        f"{name[:1].upper()}{name[1:]} does not answer: it was stopped, or can't be reached any more. All workers must "
        "start again: they go on from the last checkpoint."
    )


def _end(text: str) -> None:
    print(f"Error: {text}", file=sys.stderr, flush=True)
    sys.stdout.flush()
    time.sleep(0.1)  # what reads our output may need a moment
    os._exit(1)
