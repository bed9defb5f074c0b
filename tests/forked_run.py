"""`perceiver run` as a process that a test may kill.

Importing TFX takes longer than a small run: one process imports it, runs nothing, and is the parent of all runs.
"""

from __future__ import annotations

import gc
import multiprocessing
import os
import signal
import sys
import time
import uuid
from collections.abc import Sequence
from pathlib import Path

import perceiver_keras.pipeline.local_runner  # noqa: F401 - in the parent of all runs
from perceiver_keras import cli

processes = multiprocessing.get_context("forkserver")
# tiny_training too: a process has one such parent, and train_test may come after.
processes.set_forkserver_preload(["tests.forked_run", "tests.tiny_training"])


def command(arguments: Sequence[str], output: str) -> None:
    """The command line in a process group of its own, which writes all it says to a file."""
    gc.freeze()  # as tests/conftest.py does
    gc.set_threshold(10_000, 10, 10)
    os.setsid()
    with open(output, "w") as file:
        for descriptor in (1, 2):
            os.dup2(file.fileno(), descriptor)
    sys.stdout = sys.stderr = os.fdopen(1, "w", buffering=1)
    cli.main(list(arguments))


def run_until(
    folder: Path, overrides: Sequence[str], line: str | None, file: str | None = None
) -> str:
    """Runs to the end, or kills with -9 after `line` was printed and `file` exists; returns the output."""
    output = folder.with_name(f"{uuid.uuid4().hex}.txt")
    arguments = ["run", "image_classification", "--run-dir", str(folder)]
    for assignment in overrides:
        arguments += ["--set", assignment]
    process = processes.Process(target=command, args=(arguments, str(output)))
    process.start()
    while line and process.is_alive():
        printed = output.exists() and line in output.read_text()
        if printed and (not file or list(folder.glob(file))):
            os.killpg(process.pid, signal.SIGKILL)
            break
        time.sleep(0.02)
    process.join()
    said = output.read_text() if output.exists() else ""
    assert process.exitcode == (-signal.SIGKILL if line else 0), said
    return said
