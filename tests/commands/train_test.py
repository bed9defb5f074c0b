"""`perceiver train`: what it leaves, and going on from what it left."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from tests.commands.command_line import SMALL, TASK, invoke, refused, settings, told


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


def test_training_starts_from_a_run_folder(trained, tmp_path):
    """The run's own sizes come with it; the new model says where it started."""
    run = Path(trained["model"]).parent
    rest = settings("train.steps=2", "train.evaluate_every=2", "data.max_examples=50")
    result = invoke("train", TASK, "--init", run, *rest, "--run-dir", tmp_path / "run")
    assert "Starting from" in result.stderr + result.stdout
    config = json.loads((tmp_path / "run" / "preset" / "config.json").read_text())
    assert config["train"]["init"] == str(run / "preset")
    assert config["model"]["encode"]["num_latents"] == 3 and config["train"]["steps"] == 2


@pytest.mark.parametrize("command", ["train", "run"])
def test_a_wrong_start_is_refused_before_any_data_is_read(command, trained, tmp_path, monkeypatch):
    from perceiver_keras.data.store import source

    def read(*args, **kwargs):
        raise AssertionError("the data set was opened")

    monkeypatch.setattr(source, "open_builder", read)
    place = ("--run-dir", tmp_path / "run")
    refused(command, TASK, "--init", "nowhere", *place, code=1, words="nothing at nowhere")
    (tmp_path / "empty").mkdir()
    refused(
        command, TASK, "--init", tmp_path / "empty", *place, code=1, words=str(tmp_path / "empty")
    )
    wrong = settings("model.encode.num_latents=5")
    words = "encode/latents: [3, 64] there, [5, 64] here"
    refused(command, TASK, "--init", trained["model"], *wrong, *place, code=1, words=words)
    assert not (tmp_path / "run").exists()


def test_a_folder_of_other_settings_is_refused_before_its_data_is_read(trained, monkeypatch):
    from perceiver_keras.data.store import source

    def read(*args, **kwargs):
        raise AssertionError("the data set was opened")

    monkeypatch.setattr(source, "open_builder", read)
    command = ("train", TASK, *settings(*SMALL), "--run-dir", Path(trained["model"]).parent)
    refused(*command, "--seed", "6", code=1, words="was made with train.seed=5, but now it is 6")


def test_numbers_that_train_nothing_are_refused(tmp_path):
    for setting, words in (("train.steps=-1", "1 or more"), ("data.batch_size=0", "1 or more")):
        refused(
            "train",
            TASK,
            *settings(setting),
            code=2,
            words=f"{setting.split('=')[0]}: expected {words}",
        )
