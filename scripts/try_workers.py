"""Two workers, tried at length: equal to one process after 100 steps, and killed at random moments.

    .venv/bin/python scripts/try_workers.py [--kills 20] [--seed 0]

The first part trains the tests' small task with two real workers and with one process on the same global batches. The
second runs `perceiver launch` on the digits, kills a random worker at a random moment, and again and again, until the
run is done; then the weights must be those of a run that nobody disturbed, bit for bit. Prints one JSON object.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
SETTINGS = (
    *("train.steps=300", "train.evaluate_every=100", "train.checkpoint_every=10"),
    *("train.log_every=50", "data.max_examples=400", "model.process.num_self_attention_layers=1"),
    *("model.process.dropout=0.1", "train.keep_checkpoints=3"),
)


def equality(folder: Path) -> dict[str, float]:
    """The largest difference of a weight after 100 steps."""
    import numpy as np

    from perceiver_keras.config_tree import override
    from perceiver_keras.tasks.batches import TrainingData
    from perceiver_keras.train import fit
    from tests import tiny_training, tiny_workers

    (folder / "data").mkdir()
    tiny_workers.store(folder / "data")
    settings = ("train.steps=100", "train.evaluate_every=50", "model.process.dropout=0.0")
    assert tiny_workers.finish(tiny_workers.start(folder, "two", *settings)) == [0, 0]
    config = override(tiny_training.CONFIG, *settings)
    data = TrainingData(tiny_workers.TASK, config, tiny_workers.records(folder / "data"))
    one = fit(
        tiny_workers.TASK,
        config,
        tiny_workers.as_one(data),
        tiny_training.validation_batches(),
        state_dir=folder / "one",
    )
    two = np.load(folder / "two" / "0" / "weights.npz")
    alone = tiny_training.weights(one.model).values()
    return {
        "steps": one.steps,
        "largest_difference": max(
            float(np.abs(a - two[name]).max()) for a, name in zip(alone, two.files, strict=True)
        ),
    }


def launched(run_dir: Path, restarts: int) -> subprocess.Popen[str]:
    command = [sys.executable, "-m", "perceiver_keras.cli", "launch", "--workers", "2"]
    command += ["--restarts", str(restarts), "--", "train", "image_classification"]
    command += [word for setting in SETTINGS for word in ("--set", setting)]
    return subprocess.Popen(
        [*command, "--run-dir", str(run_dir)], stderr=subprocess.PIPE, stdout=subprocess.PIPE,
        text=True, cwd=ROOT,
    )  # fmt: skip


def children(process: int) -> list[int]:
    return [int(n) for n in Path(f"/proc/{process}/task/{process}/children").read_text().split()]


def kills(folder: Path, count: int, seed: int) -> dict[str, object]:
    """Kills `count` times, unless the run is done before."""
    chance, began = random.Random(seed), time.monotonic()
    unbroken = launched(folder / "unbroken", 0)
    unbroken.communicate()
    alone = time.monotonic() - began
    process, done, gaps = launched(folder / "killed", count), 0, []
    while done < count and process.poll() is None:
        time.sleep(chance.uniform(1, alone))
        workers = children(process.pid)
        if len(workers) < 2:
            continue
        os.kill(chance.choice(workers), signal.SIGKILL)
        done, killed = done + 1, time.monotonic()
        while process.poll() is None and set(workers) & set(children(process.pid)):
            time.sleep(0.02)
        gaps.append(round(time.monotonic() - killed, 2))
    said = process.communicate()[1]
    weights = [
        (folder / name / "preset" / "model.weights.h5").read_bytes()
        for name in ("unbroken", "killed")
    ]
    return {
        "kills": done,
        "exit_code": process.returncode,
        "starts_again": said.count("start again ("),
        "seconds_until_all_had_left": gaps,
        "named": said.count(" is gone;"),
        "raw_errors": said.count("UnavailableError") + said.count("Traceback"),
        "same_weights": _arrays(weights[0]) == _arrays(weights[1]),
        "seconds_unbroken": round(alone, 1),
    }


def _arrays(content: bytes) -> dict[str, bytes]:
    import io

    import h5py

    found: dict[str, bytes] = {}
    with h5py.File(io.BytesIO(content)) as file:
        file.visititems(
            lambda name, item: (
                found.update({name: item[()].tobytes()}) if hasattr(item, "shape") else None
            )
        )
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--kills", type=int, default=20)
    parser.add_argument("--seed", type=int, default=0)
    asked = parser.parse_args()
    sys.path.insert(0, str(ROOT))
    with tempfile.TemporaryDirectory() as folder:
        told: dict[str, object] = {"equality": equality(Path(folder))}
        if asked.kills:
            told["kills"] = kills(Path(folder), asked.kills, asked.seed)
    print(json.dumps(told, indent=1))


if __name__ == "__main__":
    main()
