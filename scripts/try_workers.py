"""Two workers, tried at length: equal to one process after 100 steps, and killed at random moments.

    .venv/bin/python scripts/try_workers.py [--kills 20] [--seed 0]

The first part trains the digits with two workers and with one process on the same global batches. The second runs
`perceiver launch` on the digits, kills a random worker at a random moment, and again and again, until the run is done;
then the weights must be those of a run that nobody disturbed, bit for bit. Prints one JSON object.
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
from collections.abc import Sequence
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
TASK = "image_classification"
SETTINGS = (
    *("train.steps=1500", "train.evaluate_every=500", "train.checkpoint_every=10"),
    *("train.log_every=100", "data.max_examples=400", "model.process.num_self_attention_layers=1"),
    *("model.process.dropout=0.1", "train.keep_checkpoints=3"),
)


def equality(folder: Path) -> dict[str, float]:
    """The largest difference of a weight after 100 steps, without dropout, which is drawn per replica."""
    import numpy as np
    import tensorflow as tf

    from perceiver_keras.config_tree import override
    from perceiver_keras.tasks import registry
    from perceiver_keras.tasks.batches import TaskData
    from perceiver_keras.train import fit

    task = registry.get(TASK)
    dropout = ("model.encode.dropout=0.0", "model.process.dropout=0.0")
    settings = (*SETTINGS, "train.steps=100", *dropout)
    started = launched(folder / "two", 0, settings)
    config = override(task.preset("tiny").config, *settings)
    examples = TaskData(task, config)
    data = examples.training_data()
    parts = tf.data.Dataset.zip(tuple(data.batches(worker, 2) for worker in range(2)))
    batches = parts.map(
        lambda *both: tf.nest.map_structure(lambda *halves: tf.concat(halves, 0), *both)
    )
    one = fit(task, config, batches, None, state_dir=folder / "one")
    print(started.communicate()[1][-300:], file=sys.stderr)
    one.model.save_to_preset(folder / "one" / "preset", task_config=config, preset="tiny")
    alone, two = (arrays(folder / name / "preset") for name in ("one", "two"))
    return {
        "steps": one.steps,
        "weights": len(alone),
        "largest_difference": max(float(np.abs(alone[n] - two[n]).max()) for n in alone),
    }


def launched(
    run_dir: Path, restarts: int, settings: Sequence[str] = SETTINGS
) -> subprocess.Popen[str]:
    command = [sys.executable, "-m", "perceiver_keras.cli", "launch", "--workers", "2"]
    command += ["--restarts", str(restarts), "--", "train", TASK]
    command += [word for setting in settings for word in ("--set", setting)]
    return subprocess.Popen(
        [*command, "--run-dir", str(run_dir)], stderr=subprocess.PIPE, stdout=subprocess.PIPE,
        text=True, cwd=ROOT,
    )  # fmt: skip


def children(process: int) -> list[int]:
    return [int(n) for n in Path(f"/proc/{process}/task/{process}/children").read_text().split()]


def kills(folder: Path, count: int, seed: int) -> dict[str, object]:
    """Kills `count` times, in starts, steps, saves and evaluations, unless the run is done before."""
    chance, began = random.Random(seed), time.monotonic()
    unbroken = launched(folder / "unbroken", 0)
    unbroken.communicate()
    alone = time.monotonic() - began
    process, done, gaps = launched(folder / "killed", count), 0, []
    while done < count and process.poll() is None:
        time.sleep(chance.uniform(2, 22))
        workers = children(process.pid)
        if len(workers) < 2:
            continue
        os.kill(chance.choice(workers), signal.SIGKILL)
        done, killed = done + 1, time.monotonic()
        while process.poll() is None and set(workers) & set(children(process.pid)):
            time.sleep(0.02)
        gaps.append(round(time.monotonic() - killed, 2))
    said = process.communicate()[1]
    one, other = (arrays(folder / name / "preset") for name in ("unbroken", "killed"))
    return {
        "kills": done,
        "exit_code": process.returncode,
        "starts_again": said.count("start again ("),
        "seconds_until_all_had_left": gaps,
        "named": said.count(" is gone;"),
        "raw_errors": said.count("UnavailableError") + said.count("Traceback"),
        "same_weights": all(one[name].tobytes() == other[name].tobytes() for name in one),
        "seconds_unbroken": round(alone, 1),
    }


def arrays(preset: Path) -> dict[str, Any]:
    """{name: weight} of a preset folder."""
    import h5py

    found: dict[str, Any] = {}

    def note(name: str, item: Any) -> None:
        if isinstance(item, h5py.Dataset):
            found[name] = item[()]

    with h5py.File(preset / "model.weights.h5") as file:
        file.visititems(note)
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--kills", type=int, default=20)
    parser.add_argument("--seed", type=int, default=0)
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        told: dict[str, object] = {"equality": equality(Path(folder))}
        if asked.kills:
            told["kills"] = kills(Path(folder), asked.kills, asked.seed)
    print(json.dumps(told, indent=1))


if __name__ == "__main__":
    main()
