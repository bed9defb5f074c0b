"""`perceiver evaluate`: the metrics of a saved model, next to those of the trivial guess."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

import perceiver_keras as pk
from perceiver_keras.data.store import source
from tests.commands.command_line import TASK, invoke, refused, told

SPLIT = "validation[:50]"


def test_metrics_stand_next_to_those_of_the_trivial_guess(trained: dict) -> None:
    result = told("evaluate", TASK, trained["model"], "--split", SPLIT)
    assert result["num_examples"] == 50 and result["split"] == SPLIT

    builder = source.open_builder("perceiver_digits")
    decode = builder.info.features.deserialize_example_np
    stored = [decode(record) for record in source.serialized_examples(builder, SPLIT)]
    truth = np.array([int(example["label"]) for example in stored])
    answers = pk.load(trained["model"]).classify([png(example["image"]) for example in stored], 1)
    right = np.mean([int(answer[0]["label"]) for answer in answers] == truth)
    assert result["metrics"]["accuracy"] == pytest.approx(right) and result["metrics"]["loss"] > 0
    assert result["baseline"]["accuracy"] == pytest.approx(np.bincount(truth).max() / 50)

    people = invoke("evaluate", TASK, trained["model"], "--split", SPLIT).stdout
    assert "TRIVIAL GUESS" in people and f"{result['metrics']['accuracy']:.4g}" in people


def test_a_run_folder_needs_no_task_and_says_which_model_it_has(trained: dict) -> None:
    run_dir = Path(trained["model"]).parent
    result = invoke("evaluate", run_dir, "--split", SPLIT, "--json")
    assert f"Taking {trained['model']}, the model that `perceiver train` left." in result.stderr
    again = told("evaluate", TASK, trained["model"], "--split", SPLIT)
    assert json.loads(result.stdout)["metrics"] == again["metrics"]
    assert again["task"] == json.loads(result.stdout)["task"] == TASK


def test_a_dry_run_says_what_would_be_measured(trained: dict) -> None:
    result = told("evaluate", trained["model"], "--split", SPLIT, "--dry-run")
    assert (result["num_examples"], result["split"]) == (50, SPLIT)
    assert (result["task"], result["dataset"]) == (TASK, "perceiver_digits")
    assert "metrics" not in result


def png(pixels: np.ndarray) -> bytes:
    import tensorflow as tf

    return tf.io.encode_png(pixels).numpy()


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        (["{model}", "--set", "model.num_classes=3"], 2, "of a trained model can't be changed"),
        (["{model}", "--set", "data.datset=x"], 2, "Did you mean 'data.dataset'"),
        (["{model}", "--split", "tset"], 2, "tset"),
        (["{model}/none"], 1, "is not a folder"),
        (["{model}", "more"], 2, "surplus"),
    ],
)
def test_a_wrong_request_is_a_line(trained: dict, arguments, code, words) -> None:
    given = [argument.format(model=trained["model"]) for argument in arguments]
    refused("evaluate", TASK, *given, code=code, words=words)


def test_a_task_without_a_folder_is_an_error_that_shows_one() -> None:
    refused(
        "evaluate", TASK, code=2, words=f"Missing FOLDER; write it as in perceiver evaluate {TASK}"
    )


def test_a_model_of_another_task_is_refused(trained: dict) -> None:
    words = "holds a model for image_classification, not for optical_flow"
    refused("evaluate", "optical_flow", trained["model"], code=2, words=words)
