"""Two workers equal one process: the digits, trained with both on the same global batches for 100 steps.

    .venv/bin/python scripts/try_workers.py

Prints one JSON object with the largest difference of a weight. `scripts/try_kills.py` kills workers.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
TASK = "image_classification"
# Without dropout, which is drawn per replica.
SETTINGS = (
    *("train.steps=100", "train.evaluate_every=100", "data.max_examples=400"),
    *("model.encode.dropout=0.0", "model.process.dropout=0.0"),
    "model.process.num_self_attention_layers=1",
)


def equality(folder: Path) -> dict[str, float]:
    """The largest difference of a weight."""
    import numpy as np
    import tensorflow as tf

    from perceiver_keras.config_tree import override
    from perceiver_keras.tasks import registry
    from perceiver_keras.tasks.batches import TaskData
    from perceiver_keras.train import fit

    task = registry.get(TASK)
    started = launched(folder / "two")
    config = override(task.preset("tiny").config, *SETTINGS)
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


def launched(run_dir: Path) -> subprocess.Popen[str]:
    command = [sys.executable, "-m", "perceiver_keras.cli", "launch", "--workers", "2"]
    command += ["--restarts", "0", "--", "train", TASK]
    command += [word for setting in SETTINGS for word in ("--set", setting)]
    return subprocess.Popen(
        [*command, "--run-dir", str(run_dir)], stderr=subprocess.PIPE, stdout=subprocess.PIPE,
        text=True, cwd=ROOT,
    )  # fmt: skip


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
    with tempfile.TemporaryDirectory() as folder:
        print(json.dumps(equality(Path(folder)), indent=1))


if __name__ == "__main__":
    main()
