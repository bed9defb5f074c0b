"""Sides in turn, failures of one side, and what is made of the seconds."""

from __future__ import annotations

import os
import signal
import time
from pathlib import Path

import pytest

from perceiver_keras.benchmarks import measure
from perceiver_keras.benchmarks.measure import Calls, SideFailed, Worker
from tests.benchmarks.small_adapters import adapter

CALLED = """
import pathlib

def build(case):
    def call():
        with open(case["log"], "a") as log:
            log.write(pathlib.Path(__file__).stem + " ")
    return {"call": call, "repeats": 3, "examples": 4}
"""
DIES = """
import os, signal

def build(case):
    calls = []
    def call():
        calls.append(1)
        if len(calls) > 2:
            os.kill(os.getpid(), signal.SIGKILL)
    return {"call": call}
"""
SPINS = """
import threading

def build(case):
    def spin():
        while True:
            pass
    threading.Thread(target=spin, daemon=True).start()
    return {"call": lambda: None}
"""


def test_sides_take_turns_and_each_goes_first_in_its_turn(tmp_path: Path) -> None:
    log = tmp_path / "log"
    sides = [adapter(tmp_path, name, CALLED) for name in ("a", "b")]
    found, _ = measure.measure(sides, {"log": str(log)}, Calls(least=3, most=3))
    # Each is called for the first time when it is built.
    assert log.read_text().split() == ["a", "b", *"ab", *"ba", *"ab"]
    for side in found.values():
        assert len(side["seconds"]) == len(side["cpu"]) == 3
        assert side["examples"] == 4 and side["peak"] > 0


def test_seconds_are_of_a_whole_result(tmp_path: Path) -> None:
    """A call of a third of the result counts three times."""
    body = (
        "import time\ndef build(case):\n    return {'call': lambda: time.sleep(.05), 'repeats': 3}"
    )
    found, _ = measure.measure([adapter(tmp_path, "part", body)], {}, Calls(least=1, most=1))
    assert 0.15 <= found["part"]["seconds"][0] < 0.45


def test_one_side_that_fails_does_not_stop_the_other(tmp_path: Path) -> None:
    sides = [
        adapter(tmp_path, "fine", CALLED),
        adapter(tmp_path, "dies", DIES),
        adapter(tmp_path, "absent", "def build(case):\n    raise KeyError('no model')"),
    ]
    found, _ = measure.measure(sides, {"log": str(tmp_path / "log")}, Calls(least=4, most=4))
    assert len(found["fine"]["seconds"]) == 4
    assert found["dies"] == {"failed": "killed, probably for want of memory"}
    assert found["absent"] == {"failed": "KeyError: 'no model'"}


def test_a_side_that_can_not_start_says_its_last_line(tmp_path: Path) -> None:
    process = Worker(adapter(tmp_path, "exits", "import os, sys\nprint('bad', file=sys.stderr)\n"
                                                "sys.stderr.flush()\nos._exit(4)"))  # fmt: skip
    with pytest.raises(SideFailed, match="exit code 4: bad"):
        process.request("build", case={})
    process.close()


def test_between_its_calls_a_side_takes_no_time_from_the_others(tmp_path: Path) -> None:
    process = Worker(adapter(tmp_path, "spins", SPINS))
    process.request("build", case={})

    def used() -> float:
        fields = Path(f"/proc/{process._process.pid}/stat").read_text().split(") ")[1].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    before = used()
    time.sleep(0.3)
    assert used() == before
    process.request("call")  # and it goes on
    process.close()


def test_calls_go_on_until_there_are_enough_seconds(tmp_path: Path) -> None:
    body = "import time\ndef build(case):\n    return {'call': lambda: time.sleep(.02)}"
    side = adapter(tmp_path, "short", body)
    few, _ = measure.measure([side], {}, Calls(least=2, most=50, seconds=0.0))
    many, _ = measure.measure([side], {}, Calls(least=2, most=5, seconds=60.0))
    assert len(few["short"]["seconds"]) == 2 and len(many["short"]["seconds"]) == 5


def test_the_spread_of_calls() -> None:
    assert measure.spread([3.0, 1.0, 2.0, 10.0]) == {"median": 2.5, "min": 1.0, "max": 10.0}
    assert signal.SIGSTOP
