"""train, evaluate, export and predict on real digits, one after another, as a user types them."""

from __future__ import annotations

import io
import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner
from PIL import Image
from sklearn.datasets import load_digits

from perceiver_keras import cli

TINY = [
    "model.encode.num_latents=3",
    "model.process.num_self_attention_layers=1",
    "data.max_examples=100",
    "train.steps=4",
    "train.log_every=2",
    "train.evaluate_every=4",
    "train.checkpoint_every=2",
]
TASK = "image_classification"


def invoke(*arguments: str | Path, code: int = 0, **kwargs):
    result = CliRunner().invoke(cli.main, [str(a) for a in arguments], **kwargs)
    assert result.exit_code == code, result.stderr
    return result


def told(*arguments: str | Path, **kwargs) -> dict:
    return json.loads(invoke(*arguments, "--json", **kwargs).stdout)


def settings(*assignments: str) -> list[str]:
    return [word for assignment in assignments for word in ("--set", assignment)]


@pytest.fixture(scope="module")
def run_dir(tmp_path_factory) -> Path:
    return tmp_path_factory.mktemp("train")


@pytest.fixture(scope="module")
def trained(run_dir: Path) -> dict:
    return told("train", TASK, *settings(*TINY), "--seed", "5", "--run-dir", run_dir)


@pytest.fixture(scope="module")
def pictures(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("pictures")
    for index, pixels in enumerate(load_digits().images[:3]):
        Image.fromarray((pixels * 15.9).astype(np.uint8)).save(folder / f"{index}.png")
    return folder


@pytest.fixture(scope="module")
def exported(trained: dict, tmp_path_factory) -> Path:
    out = tmp_path_factory.mktemp("served")
    result = told("export", trained["model"], out, "--version", "3", "--warmup", "2")
    assert result["signatures"]["serving_default"] == {
        "inputs": ["image_bytes"],
        "outputs": ["label", "probabilities"],
    }
    assert result["saved_model"] == str(out / "3")
    assert (out / "3" / "assets.extra" / "tf_serving_warmup_requests").stat().st_size > 0
    return out


def test_training_leaves_a_model_logs_and_checkpoints(trained: dict, run_dir: Path) -> None:
    assert (trained["steps"], trained["seed"], trained["resumed_from"]) == (4, 5, None)
    assert trained["model"] == str(run_dir / "preset")
    assert json.loads((run_dir / "preset" / "task.json").read_text())["labels"][3] == "3"
    history = json.loads((run_dir / "logs" / "history.json").read_text())["history"]
    assert [row["step"] for row in history] == [2, 4]


def test_the_same_command_again_goes_on(trained: dict, run_dir: Path) -> None:
    again = told(
        *("train", TASK, *settings(*TINY), "--seed", "5", "--run-dir", run_dir),
        *settings("train.steps=6"),
    )
    assert (again["steps"], again["resumed_from"]) == (6, 4)


def test_evaluation_stands_beside_the_trivial_guess(trained: dict) -> None:
    result = told("evaluate", TASK, trained["model"], "--split", "validation[:50]")
    assert result["num_examples"] == 50
    assert 0 <= result["metrics"]["accuracy"] <= 1 and result["metrics"]["loss"] > 0
    assert 0.1 <= result["baseline"]["accuracy"] <= 0.3
    people = invoke("evaluate", TASK, trained["model"], "--split", "validation[:50]").stdout
    assert "TRIVIAL GUESS" in people and f"{result['metrics']['accuracy']:.4g}" in people


def test_the_export_and_the_preset_folder_give_the_same_answers(
    trained: dict, exported: Path, pictures: Path, tmp_path: Path
) -> None:
    served = told(
        *("predict", TASK, pictures, "--model", exported, "--top", "2"),
        *("--save", tmp_path / "a.npz", "-o", tmp_path / "a.png"),
    )
    own = told(
        "predict", TASK, pictures, "--weights", trained["model"], "--save", tmp_path / "b.json"
    )
    assert [Path(p["file"]).name for p in served["predictions"]] == ["0.png", "1.png", "2.png"]
    for one, other in zip(served["predictions"], own["predictions"], strict=True):
        assert [set(entry) for entry in one["answer"]] == [{"label", "score"}] * 2
        assert [e["label"] for e in one["answer"]] == [e["label"] for e in other["answer"][:2]]
    arrays = np.load(tmp_path / "a.npz")
    plain = json.loads((tmp_path / "b.json").read_text())
    np.testing.assert_allclose(arrays["probabilities"], plain["probabilities"], atol=1e-6)
    assert [str(name) for name in arrays["files"]] == plain["files"]
    with Image.open(tmp_path / "a.png") as picture:
        assert min(picture.size) > 100


def test_bad_files_are_named_and_the_others_answered(
    exported: Path, pictures: Path, tmp_path: Path
) -> None:
    (tmp_path / "broken.png").write_bytes(b"\x89PNG\r\n\x1a\nnonsense")
    result = told(
        *("predict", TASK, tmp_path / "broken.png", pictures / "1.png", tmp_path / "none.png"),
        *("--model", exported),
        code=1,
    )
    assert [p["file"] for p in result["predictions"]] == [str(pictures / "1.png")]
    errors = {Path(e["file"]).name: e["error"] for e in result["errors"]}
    assert set(errors) == {"broken.png", "none.png"}
    assert errors["none.png"] == "No such file or directory"
    assert "\n" not in errors["broken.png"]


def test_a_model_answers_its_own_warm_up_request_in_a_fresh_process(
    exported: Path, repository: Path
) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "perceiver_keras.commands.read_back", str(exported)],
        cwd=repository,
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert done.returncode == 0, done.stderr
    told = json.loads(done.stdout)
    assert told["signature"] == "serving_default"
    scores = [entry["score"] for entry in told["answer"]]
    assert len(scores) == 3 and sorted(scores, reverse=True) == scores


def test_standard_input(exported: Path, pictures: Path) -> None:
    content = (pictures / "2.png").read_bytes()
    result = invoke("predict", TASK, "-", "--model", exported, input=io.BytesIO(content))
    assert result.stdout.startswith("-\t") and "%" in result.stdout


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        (["evaluate", TASK, "{model}", "--set", "model.num_classes=3"], 2, "has its model"),
        (["evaluate", TASK, "{model}", "--set", "data.datset=x"], 2, "Did you mean 'dataset'"),
        (["evaluate", TASK, "{model}", "--split", "tset"], 2, "tset"),
        (["evaluate", TASK, "{model}/none"], 1, "is no folder"),
        (["export", "{pictures}", "{model}-out"], 1, "lacks config.json"),
        (["export", "{model}", "{served}", "--version", "3"], 1, "choose another --version"),
        (["predict", TASK, "{pictures}", "--model", "{pictures}"], 1, "SavedModel"),
        (["train", TASK, "--set", "data.dataset=no_such_set"], 2, "no data set 'no_such_set'"),
        (["train", TASK, "--set", "data.dataset=mnist"], 1, "tfds build mnist"),
        (["train", TASK, "--set", "model.num_classes=7"], 2, "--set model.num_classes=10"),
    ],
)
def test_what_can_go_wrong_is_a_line(trained, exported, pictures, arguments, code, words) -> None:
    places = {"model": trained["model"], "served": exported, "pictures": pictures}
    result = invoke(*(a.format(**places) for a in arguments), code=code)
    assert words in result.stderr
    assert "Traceback" not in result.stderr
