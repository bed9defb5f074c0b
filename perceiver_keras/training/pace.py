"""How many steps one graph call runs: up to the next log line, evaluation or checkpoint, and about a second at most."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Iterator
from typing import Any

# About how long one graph call may take: SIGTERM and the progress line wait for it.
CALL_SECONDS = 1.0


class Pace:
    """How many steps one graph call may run so that it takes about `CALL_SECONDS`."""

    def __init__(self) -> None:
        self.steps = 1  # the first call includes tracing, so its speed means nothing
        self.steps_per_second = 0.0
        self.calls = 0

    @contextlib.contextmanager
    def measure(self, count: int) -> Iterator[None]:
        start = time.monotonic()
        yield
        self.calls += 1
        if self.calls > 1:
            self.steps_per_second = count / max(time.monotonic() - start, 1e-6)
            wanted = round(self.steps_per_second * CALL_SECONDS)
            self.steps = min(max(wanted, 1), 8 * self.steps)


def to_next_stop(step: int, train: Any) -> int:
    """Steps to the next log line, evaluation, checkpoint or the end."""
    every = (train.log_every, train.evaluate_every, train.checkpoint_every)
    return min(train.steps - step, *(n - step % n for n in every))
