"""What the script that kills sees of processes, and that it tells a difference; its kills themselves take an hour."""

from __future__ import annotations

import fcntl
import importlib
import json
import os
import signal
import subprocess
import sys
from pathlib import Path
from types import ModuleType

import h5py
import numpy as np
import pytest


@pytest.fixture
def scripts(repository: Path, monkeypatch):
    monkeypatch.syspath_prepend(str(repository / "scripts"))
    return lambda name: importlib.import_module(name)


@pytest.fixture
def killed_run(scripts) -> ModuleType:
    return scripts("killed_run")


@pytest.fixture
def try_kills(scripts) -> ModuleType:
    return scripts("try_kills")


def test_a_command_is_seen_and_killed_with_all_that_it_started(killed_run, tmp_path, monkeypatch):
    """`perceiver`, in whose place a program of this name waits in a function that the table knows."""
    package = tmp_path / "perceiver_keras"
    package.mkdir()
    (package / "__init__.py").write_text("")
    (package / "cli.py").write_text("from perceiver_keras import train\ntrain.go()\n")
    (package / "train.py").write_text(
        "import subprocess, sys, time\n"
        "def go():\n"
        "    other = subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(60)'])\n"
        "    print('going', other.pid, flush=True)\n"
        "    time.sleep(60)\n"
    )
    monkeypatch.chdir(tmp_path)
    run = killed_run.KilledRun(["train"], tmp_path / "run", tmp_path / "work", alone=True)
    killed_run.wait_until(lambda: "going" in run.said_now(), 60)
    other = int(run.said().split()[1])
    assert run.where(run.pid) == "steps" and run.children() == [other]
    assert run.code() is None and killed_run.alive(other)
    run.kill()
    assert run.code() == -signal.SIGKILL
    killed_run.wait_until(lambda: not killed_run.alive(other), 30)


def test_a_held_lock_is_in_use(killed_run, tmp_path):
    assert not killed_run.in_use(tmp_path)
    (tmp_path / "training").mkdir()
    code = (
        "import fcntl, sys, time; f = open(sys.argv[1], 'w'); fcntl.flock(f, fcntl.LOCK_EX); "
        "print('held', flush=True); time.sleep(60)"
    )
    lock = tmp_path / "training" / "lock"
    holder = subprocess.Popen([sys.executable, "-c", code, str(lock)], stdout=subprocess.PIPE)
    assert holder.stdout.readline() == b"held\n" and killed_run.in_use(tmp_path)
    holder.kill()
    holder.communicate()
    assert not killed_run.in_use(tmp_path)
    with open(lock) as file:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)


def test_one_bit_of_a_weight_or_of_the_curve_is_a_difference(try_kills, tmp_path):
    def run(name: str, weight: float, loss: float) -> dict:
        folder = tmp_path / name
        (folder / "preset").mkdir(parents=True)
        (folder / "logs").mkdir()
        with h5py.File(folder / "preset" / "model.weights.h5", "w") as file:
            file["layer/kernel"] = np.float32([weight])
        curve = {"history": [{"step": 1, "loss": loss}], "best": None}
        (folder / "logs" / "history.json").write_text(json.dumps(curve))
        return try_kills.result("train", folder)

    one = run("one", 1.0, 0.5)
    assert one == run("same", 1.0, 0.5)
    assert (
        one["weights"] != run("other", np.nextafter(np.float32(1), np.float32(2)), 0.5)["weights"]
    )
    assert one["curve"] != run("curve", 1.0, 0.5 + 1e-16 * 4)["curve"]


def test_notes_go_on_where_they_were_and_make_a_table(try_kills, tmp_path):
    notes = try_kills.Notes(tmp_path)
    notes.of("train")["kills"] += ["steps", "steps", "evaluating"]
    notes.of("train")["runs"] += [{"different": [], "raw errors": 0}]
    notes.of("train")["runs"] += [{"different": ["weights"], "raw errors": 2}]
    notes.write()
    again = try_kills.Notes(tmp_path)
    assert again.found == notes.found and os.listdir(tmp_path) == ["kills.json"]
    assert list(try_kills.table(again.found))[2:] == [
        "| train | 3 | steps 2; evaluating 1 | 2 | 1 | 2 |"
    ]
