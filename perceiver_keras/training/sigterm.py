"""SIGTERM, with which machines and schedulers ask a process to leave."""

from __future__ import annotations

import contextlib
import signal
import threading
from collections.abc import Callable, Iterator
from typing import Any

TERMINATED = 143  # the exit code of a process that SIGTERM ended


@contextlib.contextmanager
def sigterm() -> Iterator[threading.Event]:
    """An event that SIGTERM sets. Only the main thread can catch signals; in other threads it is never set."""
    event = threading.Event()
    if threading.current_thread() is not threading.main_thread():
        yield event
        return
    handler: Callable[..., Any] = lambda *_: event.set()  # noqa: E731
    before = signal.signal(signal.SIGTERM, handler)
    try:
        yield event
    finally:
        signal.signal(signal.SIGTERM, before)
