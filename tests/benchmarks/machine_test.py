"""What is said of the machine, and how busy it is."""

from __future__ import annotations

import os
import time

from perceiver_keras.benchmarks import machine


def test_it_says_what_decides_speed_and_nothing_that_names_the_machine() -> None:
    told = machine.describe()
    assert told["cores"] == len(os.sched_getaffinity(0)) and told["memory_gib"] > 0.5
    assert told["versions"]["tensorflow"].startswith("2.")
    assert os.uname().nodename not in str(told)
    words = machine.in_words(told)
    assert told["processor"] in words and f"{told['cores']} cores" in words


def test_versions_may_differ_between_results_and_processors_may_not() -> None:
    told = machine.describe()
    assert machine.is_same(told, told | {"versions": {}, "python": "3.11"})
    assert not machine.is_same(told, told | {"processor": "another"})


def test_work_makes_it_busy() -> None:
    before, started = machine.busy(), time.process_time()
    while time.process_time() - started < 0.3:
        sum(range(1000))
    assert machine.busy() - before >= 0.25
