"""Calls in processes: shares of the cores, failures that cost nothing else, and nothing left running."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time

import pytest

from perceiver_keras.child_processes import cores
from perceiver_keras.errors import PerceiverError
from perceiver_keras.miniature import parallel


def note(path, text="done"):
    path.write_text(f"{text} {','.join(map(str, cores()))}")


def meet(mine, other):
    """Ends once the other call runs, too."""
    mine.touch()
    deadline = time.monotonic() + 60
    while not other.exists():
        assert time.monotonic() < deadline
        time.sleep(0.01)


def fail(text):
    raise PerceiverError(text)


def die():
    os.kill(os.getpid(), signal.SIGKILL)


def sleep_on(path):
    path.write_text(str(os.getpid()))
    time.sleep(600)


def test_calls_run_at_the_same_time(tmp_path):
    a, b = tmp_path / "a", tmp_path / "b"
    parallel.run({"first": (meet, (a, b)), "second": (meet, (b, a))}, jobs=2)


def test_functions_of_the_tests_are_found_before_a_library_s_folder_of_that_name(
    tmp_path, monkeypatch
):
    other = tmp_path / "library" / "tests"  # IPython puts one like it on the path
    other.mkdir(parents=True)
    (other / "__init__.py").touch()
    monkeypatch.setattr(sys, "path", [*sys.path, str(other.parent)])
    parallel.run({"one": (note, (tmp_path / "one",))}, jobs=1)
    assert (tmp_path / "one").exists()


@pytest.mark.skipif(not hasattr(os, "sched_setaffinity"), reason="the system can't bind processes")
def test_each_has_its_share_of_the_cores_and_this_process_keeps_all(tmp_path):
    before = cores()
    calls = {str(n): (note, (tmp_path / str(n),)) for n in range(4)}
    parallel.run(calls, jobs=len(before))
    assert all(len((tmp_path / name).read_text().split(",")) == 1 for name in calls)
    parallel.run({"alone": (note, (tmp_path / "alone",))}, jobs=64)
    assert (tmp_path / "alone").read_text() == f"done {','.join(map(str, before))}"
    assert cores() == before


def test_a_failure_is_told_after_the_others_are_done(tmp_path, capfd):
    calls = {
        "wrong": (fail, ("no data",)),
        "killed": (die, ()),
        "right": (note, (tmp_path / "right",)),
    }
    with pytest.raises(
        PerceiverError, match=r"wrong \(exit code 1\), killed \(killed by signal 9\)"
    ):
        parallel.run(calls, jobs=1)
    assert (tmp_path / "right").exists()
    assert "Error: no data" in capfd.readouterr().err


def test_nothing_runs_on_when_the_first_process_is_killed(tmp_path):
    words = (
        "import pathlib, sys; from perceiver_keras.miniature import parallel; "
        "from tests.miniature.parallel_test import sleep_on; "
        "parallel.run({'x': (sleep_on, (pathlib.Path(sys.argv[1]),))}, 2)"
    )
    told = tmp_path / "number"
    first = subprocess.Popen([sys.executable, "-c", words, str(told)])
    deadline = time.monotonic() + 60
    while not (told.exists() and told.read_text()):
        assert time.monotonic() < deadline and first.poll() is None
        time.sleep(0.05)
    first.kill()
    first.wait()
    number = int(told.read_text())
    while running(number):
        assert time.monotonic() < deadline
        time.sleep(0.05)


def running(number):
    try:
        with open(f"/proc/{number}/stat") as stat:
            return stat.read().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


def test_lines_are_plain_on_a_terminal(capsys, monkeypatch):
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True)
    with parallel.Lines(2, "counting") as shown:
        shown.update(2, loss=0.5)
    assert capsys.readouterr().err == "counting 2/2  loss 0.5000  done\n"
