"""Progress: a live line on a terminal, few plain lines elsewhere."""

from __future__ import annotations

import io
import subprocess
import sys

from perceiver_keras.progress import Progress


class Clock:
    now = 100.0

    def __call__(self) -> float:
        return self.now


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def test_plain_lines_are_few_and_end_with_the_last_step():
    clock, stream = Clock(), io.StringIO()
    with Progress(100, "training", stream=stream, interval=5.0, clock=clock) as progress:
        progress.start(0)
        for step in range(1, 101):
            clock.now += 0.3
            progress.update(step, loss=2.0 / step, examples_per_second=1234.5)
    lines = stream.getvalue().splitlines()
    assert lines[0] == "training 1/100  loss 2.0000  1,234 examples/s  0:30 left"
    assert len(lines) == 7
    assert lines[-1] == "training 100/100  loss 0.0200  1,234 examples/s  done"


def test_time_left_counts_from_where_a_resumed_run_began():
    clock = Clock()
    progress = Progress(1000, stream=io.StringIO(), clock=clock)
    progress.start(900)
    assert progress.seconds_left(900) is None
    clock.now += 10
    assert progress.seconds_left(950) == 10
    assert progress.seconds_left(1000) == 0


def test_hours_and_small_values():
    clock, stream = Clock(), io.StringIO()
    with Progress(3_000, stream=stream, clock=clock) as progress:
        progress.start(0)
        clock.now += 10
        progress.update(2, learning_rate=0.00012)
    assert stream.getvalue() == "2/3000  learning_rate 0.00012  4:09:50 left\n"


def test_a_terminal_gets_one_live_line_and_notes_above_it():
    stream = Terminal()
    with Progress(10, "training", stream=stream) as progress:
        progress.start(4)
        progress.update(5, loss=0.25)
        progress.note("Going on from step 4 of [10].")
        progress.update(10, loss=0.125)
    text = stream.getvalue()
    assert "Going on from step 4 of [10]." in text and "10/10" in text and "loss 0.1250" in text


def test_quiet_says_nothing():
    stream = Terminal()
    with Progress(10, "training", quiet=True, stream=stream) as progress:
        progress.update(10, loss=1.0)
        progress.note("nothing")
    assert stream.getvalue() == ""


def test_it_imports_no_tensorflow():
    code = "import sys, perceiver_keras.progress; sys.exit('tensorflow' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
