"""The process of one side: its answers on a pipe that nothing else writes to, and what it measures of itself."""

from __future__ import annotations

import os
import time
from pathlib import Path

import pytest

from perceiver_keras.benchmarks import worker
from perceiver_keras.benchmarks.measure import SideFailed, Worker
from tests.benchmarks.small_adapters import adapter

NOISY = """
import os, time

def build(case):
    print("printed while building")
    os.write(1, b"written by C code\\n")
    kept = []

    def call():
        kept.append(b"x" * case["bytes"])
        print("printed in a call")
        time.sleep(0.05)

    return {"call": call, "compile": lambda: time.sleep(0.1), "parameters": 7}

def describe(case):
    return {"doubled": 2 * case["bytes"]}

def broken(case):
    raise ValueError("no such model\\nand more")
"""


@pytest.fixture(scope="module")
def noisy(tmp_path_factory):
    process = Worker(adapter(tmp_path_factory.mktemp("adapters"), "noisy", NOISY))
    yield process
    process.close()


def test_what_libraries_print_is_no_answer(noisy) -> None:
    built = noisy.request("build", case={"bytes": 100_000_000})
    assert built["parameters"] == 7 and built["versions"] == {"noisy": "1"}
    assert built["compile"] >= 0.1 and built["first_call"] >= 0.05 and built["build"] < 0.1


def test_the_peak_is_the_most_that_was_resident(noisy) -> None:
    """Each call keeps 100 MB more; the process has no other memory to speak of."""
    first, second = noisy.request("call"), noisy.request("call")
    assert second["peak"] - first["peak"] == pytest.approx(1e8, rel=0.05)


def test_waiting_takes_seconds_and_no_cpu(noisy) -> None:
    noisy.request("build", case={"bytes": 10})
    told = noisy.request("call")
    assert told["seconds"] >= 0.05 and told["cpu"] < 0.04


def test_other_functions_of_an_adapter_can_be_asked(noisy) -> None:
    assert noisy.request("ask", name="describe", case={"bytes": 21}) == {"doubled": 42}


def test_an_error_is_a_line_and_the_process_goes_on(noisy) -> None:
    with pytest.raises(SideFailed, match="^ValueError: no such model$"):
        noisy.request("ask", name="broken", case={})
    assert noisy.request("ask", name="describe", case={"bytes": 1}) == {"doubled": 2}


def test_modules_next_to_the_worker_are_not_found_by_their_short_names(tmp_path: Path) -> None:
    """Some library's own `plots` or `machine` must not be ours."""
    body = "def build(case):\n    import machine\n"
    process = Worker(adapter(tmp_path, "importing", body))
    with pytest.raises(SideFailed, match="ModuleNotFoundError"):
        process.request("build", case={})
    process.close()


def test_cpu_seconds_are_those_of_work() -> None:
    started, before = time.perf_counter(), worker.cpu_seconds()
    while worker.cpu_seconds() - before < 0.05:
        sum(range(1000))
    assert time.perf_counter() - started >= 0.05 * 0.9
    assert worker.peak_memory() > 1_000_000 and os.getpid()
