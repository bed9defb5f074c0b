"""Cold starts: how long a command of the terminal takes in a new process, and how much of that is the libraries'.

As a program, `python -m perceiver_keras.benchmarks.starts FOLDER`, it makes what the commands are asked about.
"""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any, NamedTuple

from perceiver_keras.errors import PerceiverError

PERCEIVER = "from perceiver_keras.cli import main; main()"


class Start(NamedTuple):
    """A command whose start is measured.

    Attributes:
      name: Of the case, after `start/`.
      program: What Python is given.
      words: Its arguments; `{folder}` is the folder of `make`.
      until: The command is ended at the first line of output with this text; None: it ends by itself.
    """

    name: str
    program: str
    words: tuple[str, ...] = ()
    until: str | None = None


_PICTURE = ("image_classification", "{folder}/digit.png")
STARTS = (
    # What can't be had faster: the interpreter, and TensorFlow.
    Start("python", "pass"),
    Start("import_tensorflow", "import tensorflow"),
    Start("help", PERCEIVER, ("--help",)),
    Start("predict_preset", PERCEIVER, ("predict", *_PICTURE, "--weights", "{folder}/preset")),
    Start("predict_savedmodel", PERCEIVER, ("predict", *_PICTURE, "--model", "{folder}/served")),
    Start(
        "run_first_component",
        PERCEIVER,
        ("run", "image_classification", "--run-dir", "{folder}/run"),
        until="[ 1/",
    ),
)


def make(folder: Path, **sizes: int) -> None:
    """A picture of 8x8 pixels, and the tiny classifier as a preset folder and as a SavedModel version.

    Args:
      folder: Where to.
      **sizes: Of a smaller model, for tests.
    """
    from PIL import Image

    from perceiver_keras.export import export_saved_model
    from perceiver_keras.tasks import registry

    Image.linear_gradient("L").resize((8, 8)).save(folder / "digit.png")
    task = registry.get("image_classification")
    model = task.model.from_preset("tiny", **sizes)
    model.save_to_preset(folder / "preset")
    export_saved_model(task, model.task_config, model, str(folder / "served" / "1"))


def measure(name: str, calls: int) -> dict[str, Any]:
    """Starts a command `calls` times, after once that is only told as `first_call`.

    Returns:
      {"first_call": seconds, "seconds": of each call, "cpu": seconds of all its processes, "peak": bytes of the
      largest of them}.

    Raises:
      PerceiverError: the command failed; with its last line.
    """
    (start,) = (one for one in STARTS if one.name == name)
    with tempfile.TemporaryDirectory(prefix="perceiver-benchmark-") as folder:
        if any("{folder}" in word for word in start.words):
            time_command([sys.executable, "-m", __name__, folder], None, folder)
        command = [sys.executable, "-c", start.program]
        command += [word.format(folder=folder) for word in start.words]
        found = []
        for _ in range(calls + 1):
            shutil.rmtree(Path(folder, "run"), ignore_errors=True)
            found.append(time_command(command, start.until, folder))
    first, *rest = found
    return {
        "first_call": first[0],
        "seconds": [seconds for seconds, *_ in rest],
        "cpu": [cpu for _, cpu, _ in rest],
        "peak": max(peak for *_, peak in found),
    }


def time_command(command: list[str], until: str | None, folder: str) -> tuple[float, float, int]:
    """(wall seconds, CPU seconds, largest resident bytes) until the command ends or prints `until`; see `measure`."""
    said = Path(folder, "stderr")
    # As Python is by default: what it compiles in the first call is there for the others.
    environment = {k: v for k, v in os.environ.items() if k != "PYTHONDONTWRITEBYTECODE"}
    started = time.perf_counter()
    with said.open("wb") as errors:
        process = subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=errors,
            env=environment,
            start_new_session=True,
        )
    stopped = False
    for line in process.stdout:
        if until and until in line.decode(errors="replace"):
            stopped = True
            break
    seconds = time.perf_counter() - started
    if stopped:
        os.killpg(process.pid, signal.SIGKILL)
    _, status, used = os.wait4(process.pid, 0)
    process.stdout.close()
    process.returncode = os.waitstatus_to_exitcode(status)  # so that nobody waits for it again
    if not stopped and (process.returncode or until):
        last = (said.read_text(errors="replace").strip().splitlines() or [""])[-1]
        raise PerceiverError(f"exit code {process.returncode}: {last[:200]}")
    if not stopped:
        seconds = time.perf_counter() - started
    scale = 1 if sys.platform == "darwin" else 1024
    return seconds, used.ru_utime + used.ru_stime, used.ru_maxrss * scale


if __name__ == "__main__":
    make(Path(sys.argv[1]))
