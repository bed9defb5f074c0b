"""A live line on a terminal, plain lines elsewhere: step, values, speed, time left."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from typing import Any, TextIO


class Progress:
    """Shows the progress of a long task. Used as a context manager; does not import TensorFlow.

        with Progress(total=3000, label="training") as progress:
            progress.update(50, loss=0.7, examples_per_second=900.0)

    On a terminal, one line is updated (with rich); in a log file, a line is printed at most every `interval` seconds,
    and for the last step.

    Args:
      total: Steps until the task is done.
      label: What is being done.
      quiet: Print nothing.
      stream: Where to print; by default standard error, so that standard output only has results.
      interval: Seconds between plain lines.
      clock: A monotonic clock, in seconds; for tests.
    """

    def __init__(
        self,
        total: int,
        label: str = "",
        quiet: bool = False,
        *,
        stream: TextIO | None = None,
        interval: float = 5.0,
        clock: Callable[[], float] = time.monotonic,
    ):
        self.total, self.label, self.quiet = total, label, quiet
        self._stream = stream if stream is not None else sys.stderr
        self._interval, self._clock = interval, clock
        self._first: tuple[float, int] | None = None  # when and at which step counting began
        self._printed = -float("inf")
        self._bar: Any = None
        self._task: Any = None

    def __enter__(self) -> Progress:
        if not self.quiet and self._stream.isatty():
            self._open_bar()
        return self

    def __exit__(self, *exception: Any) -> None:
        if self._bar is not None:
            self._bar.stop()
            self._bar = None

    def start(self, step: int = 0) -> None:
        """Starts counting: steps done before (in a resumed run) do not count towards the speed."""
        self._first = (self._clock(), step)
        if self._bar is not None:
            self._bar.update(self._task, completed=step)

    def update(self, step: int, **values: float) -> None:
        """`step` of `total` steps are done; values are shown by name, in the order given."""
        if self._first is None:
            self.start(0)
        if self.quiet:
            return
        text = "  ".join(_value(name, value) for name, value in values.items())
        if self._bar is not None:
            self._bar.update(
                self._task, completed=step, values=text, left=_duration(self.seconds_left(step))
            )
            return
        now = self._clock()
        if now - self._printed >= self._interval or step >= self.total:
            self._printed = now
            left = f"{_duration(self.seconds_left(step))} left" if step < self.total else "done"
            parts = (f"{self.label} {step}/{self.total}".strip(), text, left)
            print("  ".join(filter(None, parts)), file=self._stream, flush=True)

    def note(self, message: str) -> None:
        """Prints a separate line, above the live line."""
        if self.quiet:
            return
        if self._bar is not None:
            self._bar.console.print(message, markup=False, highlight=False)
        else:
            print(message, file=self._stream, flush=True)

    def seconds_left(self, step: int) -> float | None:
        """The time left at the mean speed since the start; None before the first step."""
        if self._first is None or step <= self._first[1]:
            return None
        started, first = self._first
        return (self._clock() - started) / (step - first) * max(self.total - step, 0)

    def _open_bar(self) -> None:
        from rich import progress as rich_progress
        from rich.console import Console

        self._bar = rich_progress.Progress(
            rich_progress.TextColumn("{task.description}", markup=False),
            rich_progress.BarColumn(bar_width=24),
            rich_progress.MofNCompleteColumn(),
            rich_progress.TextColumn("{task.fields[values]}", markup=False),
            rich_progress.TextColumn("{task.fields[left]} left", markup=False),
            console=Console(file=self._stream),
            refresh_per_second=4,
        )
        self._bar.start()
        self._task = self._bar.add_task(self.label, total=self.total, values="", left="-")


def _value(name: str, value: float) -> str:
    if name == "examples_per_second":
        return f"{value:,.0f} examples/s"
    return f"{name} {value:.3g}" if abs(value) < 1e-2 else f"{name} {value:.4f}"


def _duration(seconds: float | None) -> str:
    if seconds is None:
        return "-"
    minutes, seconds = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02d}:{seconds:02d}" if hours else f"{minutes}:{seconds:02d}"
