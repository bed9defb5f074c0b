"""Real processes, of plain Python: started, killed, started again, asked to leave."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from perceiver_keras.training.supervisor import Plan, count_gpus, devices, supervise

# A worker notes that it began, and then does what the test wants.
START = """
import json, os, pathlib, signal, sys, time
found = json.loads(os.environ["TF_CONFIG"])
index, addresses = found["task"]["index"], found["cluster"]["worker"]
folder = pathlib.Path(os.environ["FOLDER"])
attempt = len(list(folder.glob(f"{index}-*")))
(folder / f"{index}-{attempt}").write_text(json.dumps(addresses))
def wait_for_all():
    while len(list(folder.glob("*-*"))) < (attempt + 1) * len(addresses):
        time.sleep(0.01)
wait_for_all()
"""


def plan(folder: Path, does: str, workers: int = 2, **more) -> Plan:
    script = START + does
    return Plan(
        command=[sys.executable, "-c", script],
        workers=workers,
        environment={"FOLDER": str(folder)},
        **more,
    )


def attempts(folder: Path, index: int) -> int:
    return len(list(folder.glob(f"{index}-*")))


def test_all_workers_know_the_same_addresses_and_end_together(tmp_path):
    said = []
    assert supervise(plan(tmp_path, "", workers=3), said.append) == 0
    known = [json.loads((tmp_path / f"{index}-0").read_text()) for index in range(3)]
    assert known[0] == known[1] == known[2] and len(set(known[0])) == 3
    assert said == []


def test_a_killed_worker_makes_all_start_again_with_other_ports(tmp_path):
    """The other one sees it and leaves with an error of its own, which is not the cause."""
    does = """
if attempt == 0 and index == 1:
    os.kill(os.getpid(), signal.SIGKILL)
if attempt == 0:
    time.sleep(0.3)
    sys.exit(1)
"""
    said = []
    assert supervise(plan(tmp_path, does), said.append) == 0
    assert said == ["Worker 1 was killed by SIGKILL; all 2 start again (1 of at most 3 times)."]
    assert (attempts(tmp_path, 0), attempts(tmp_path, 1)) == (2, 2)
    assert (tmp_path / "0-0").read_text() != (tmp_path / "0-1").read_text()


def test_it_gives_up_after_so_many_times(tmp_path):
    said = []
    does = "if index == 0: os.kill(os.getpid(), signal.SIGSEGV)"
    assert supervise(plan(tmp_path, does, restarts=2), said.append) == 1
    assert attempts(tmp_path, 0) == 3
    assert said[-1] == "Worker 0 was killed by SIGSEGV once more; giving up."


@pytest.mark.parametrize("code", [1, 2])
def test_an_error_that_was_explained_is_not_repeated(tmp_path, code, capfd):
    does = f"""
if index == 1:
    print("Error: no such data", file=sys.stderr)
    sys.exit({code})
time.sleep(60)
"""
    began, said = time.monotonic(), []
    assert supervise(plan(tmp_path, does, grace=0.5), said.append) == code
    assert said == ["Worker 0 did not leave within 0.5 s: killed."]
    assert time.monotonic() - began < 20, "the one that hangs is killed after the grace time"
    assert attempts(tmp_path, 0) == 1
    assert "[worker 1] Error: no such data" in capfd.readouterr().err


WAITS = """
def leave(*_):
    (folder / f"saved{index}").touch()
    sys.exit(143)
signal.signal(signal.SIGTERM, leave)
(folder / f"ready{index}").touch()
time.sleep(60)
"""


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_lets_all_save_and_leave(tmp_path, number):
    def later():
        while len(list(tmp_path.glob("ready*"))) < 2:
            time.sleep(0.01)
        os.kill(os.getpid(), number)

    sender = threading.Thread(target=later)
    sender.start()
    before = signal.getsignal(number)
    said = []
    assert supervise(plan(tmp_path, WAITS), said.append) == 128 + number
    sender.join()
    assert signal.getsignal(number) == before
    assert sorted(path.name for path in tmp_path.glob("saved*")) == ["saved0", "saved1"]
    assert number.name in said[0] and attempts(tmp_path, 0) == 1


def test_a_worker_that_was_asked_to_leave_is_not_started_again(tmp_path):
    does = "os.kill(os.getpid(), signal.SIGTERM) if index else sys.exit(143)"
    assert supervise(plan(tmp_path, does), lambda text: None) == 143
    assert attempts(tmp_path, 1) == 1


def test_workers_leave_when_their_supervisor_is_killed(tmp_path):
    """Otherwise they would go on without anybody who watches them."""
    code = (
        "import sys; from perceiver_keras.training.supervisor import Plan, supervise;"
        f"supervise(Plan(command=[sys.executable, '-c', {START + WAITS!r}], workers=2,"
        f" environment={{'FOLDER': {str(tmp_path)!r}}}), print)"
    )
    supervisor = subprocess.Popen([sys.executable, "-c", code])
    end = time.monotonic() + 30
    while len(list(tmp_path.glob("ready*"))) < 2 and time.monotonic() < end:
        time.sleep(0.01)
    supervisor.kill()
    supervisor.wait()
    while len(list(tmp_path.glob("saved*"))) < 2 and time.monotonic() < end:
        time.sleep(0.01)
    assert len(list(tmp_path.glob("saved*"))) == 2


@pytest.mark.parametrize(
    ("workers", "each", "gpus", "expected"),
    [
        (2, None, 0, None),
        (2, None, 4, ["0,1", "2,3"]),
        (2, 1, 4, ["0", "1"]),
        (3, None, 4, ["0", "1", "2"]),
        (4, None, 2, None),  # fewer GPUs than workers: which is to have one is not for us to say
    ],
)
def test_gpus_are_shared_equally(workers, each, gpus, expected):
    assert devices(workers, each, gpus) == expected


def test_hidden_gpus_do_not_count(monkeypatch):
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "-1")
    assert count_gpus() == 0
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "2,5")
    assert count_gpus() == 2
