"""`perceiver run`, killed with -9 wherever it is and started again, ends with the very same weights."""

import json
import os
import re
import signal
import subprocess
import sys
from pathlib import Path

import h5py
import numpy as np
import pytest

from tests.pipeline.local_runner_test import SMALL

pytestmark = [pytest.mark.tfx, pytest.mark.slow]

# Long enough that a second progress line, five seconds after the first, comes before the end.
OVERRIDES = (
    *SMALL,
    "train.steps=600",
    "train.evaluate_every=300",
    "train.log_every=10",
    "train.deterministic=true",
    "model.encode.dropout=0.1",
)


def start(folder: Path) -> subprocess.Popen:
    arguments = ["image_classification", "--run-dir", str(folder)]
    for assignment in OVERRIDES:
        arguments += ["--set", assignment]
    return subprocess.Popen(
        [sys.executable, "-m", "perceiver_keras.cli", "run", *arguments],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        bufsize=1,
        start_new_session=True,
    )


def run_until(folder: Path, pattern: str | None) -> list[str]:
    """Runs to the end, or to the first line that matches, and then kills with -9."""
    process, lines = start(folder), []
    for line in process.stdout:
        lines.append(line)
        if pattern and re.search(pattern, line):
            os.killpg(process.pid, signal.SIGKILL)
            break
    process.wait()
    if pattern:
        assert process.returncode == -signal.SIGKILL, "".join(lines)
    else:
        assert process.returncode == 0, "".join(lines)
    return lines


def weights(folder: Path) -> dict[str, bytes]:
    record = json.loads((folder / "run.json").read_text())
    (model,) = record["artifacts"]["Trainer"]["model"]
    found = {}
    with h5py.File(Path(model) / "preset" / "model.weights.h5") as file:
        file.visititems(
            lambda name, item: found.update(
                {name: np.asarray(item).tobytes()} if isinstance(item, h5py.Dataset) else {}
            )
        )
    return found


def test_killed_in_three_components_the_weights_are_the_same_to_the_last_bit(tmp_path):
    run_until(tmp_path / "whole", None)

    killed = tmp_path / "killed"
    run_until(killed, r"Transform …")
    lines = run_until(killed, r" ([3-9]\d|[1-5]\d\d)/600 ")  # after the checkpoint at step 20
    assert "Going on with the run that was stopped" in "".join(lines)
    lines = run_until(killed, r"Evaluator …")
    assert re.search(r"Going on from step \d+ of 600", "".join(lines))
    lines = run_until(killed, None)
    assert "Trainer: done before the run was stopped" in "".join(lines)

    expected, found = weights(tmp_path / "whole"), weights(killed)
    assert expected and found.keys() == expected.keys()
    assert [name for name in expected if found[name] != expected[name]] == []
    whole, resumed = (
        json.loads((tmp_path / name / "run.json").read_text()) for name in ("whole", "killed")
    )
    # TFMA adds float32 in the order in which Beam's bundles come.
    assert resumed["metrics"] == pytest.approx(whole["metrics"], rel=1e-6)
    assert whole["blessed"] and resumed["blessed"]
