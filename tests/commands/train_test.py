"""`perceiver train`: what it leaves, and going on from what it left."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from tests.commands.command_line import SMALL, TASK, refused, settings, told


def test_training_leaves_a_model_logs_and_checkpoints(trained: dict) -> None:
    run_dir = Path(trained["model"]).parent
    assert (trained["steps"], trained["seed"], trained["resumed_from"]) == (4, 5, None)
    assert trained["model"] == str(run_dir / "preset")
    assert json.loads((run_dir / "preset" / "task.json").read_text())["labels"][3] == "3"
    history = json.loads((run_dir / "logs" / "history.json").read_text())["history"]
    assert [row["step"] for row in history] == [2, 4]
    assert [path.name for path in (run_dir / "training").rglob("ckpt-4.index")] == ["ckpt-4.index"]


def test_the_same_command_again_goes_on(trained: dict, tmp_path: Path) -> None:
    run_dir = shutil.copytree(Path(trained["model"]).parent, tmp_path / "run")
    again = told(
        *("train", TASK, *settings(*SMALL), "--seed", "5", "--run-dir", run_dir),
        *settings("train.steps=6"),
    )
    assert (again["steps"], again["resumed_from"]) == (6, 4)


@pytest.mark.parametrize(
    ("override", "code", "words"),
    [
        ("data.dataset=no_such_set", 2, "no data set 'no_such_set'"),
        ("data.dataset=mnist", 1, "tfds build mnist"),
        ("model.num_classes=7", 2, "--set model.num_classes=10"),
    ],
)
def test_data_that_does_not_fit_is_refused(override, code, words, tmp_path: Path) -> None:
    run_dir = tmp_path / "run"
    refused("train", TASK, "--set", override, "--run-dir", run_dir, code=code, words=words)
    assert not run_dir.exists()
