"""`perceiver compile`: the file it writes, and what it refuses before TFX is imported and after."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.commands.command_line import TASK, invoke, refused, told

VERTEX = (
    *("compile", TASK, "--runner", "vertex", "--root", "gs://bucket/digits", "--image", "image:1"),
    *("--project", "p", "--region", "r"),
)


@pytest.mark.tfx
def test_the_file_is_the_pipeline_with_the_settings(tmp_path: Path):
    from perceiver_keras.pipeline import compiled

    path = tmp_path / "new" / "pipeline.json"
    answer = told(*VERTEX, "--set", "train.steps=77", "--seed", "5", "--rebaseline", "-o", path)
    assert answer["file"] == str(path)
    assert answer["pipeline"] == "image-classification"
    spec = compiled.spec_of(json.loads(path.read_text()))
    assert answer["components"] == sorted(spec.root.dag.tasks)
    trainer = spec.root.dag.tasks["Trainer"].inputs.parameters["custom_config"]
    config = json.loads(trainer.runtime_value.constant.string_value)["config"]
    assert (config["train"]["steps"], config["train"]["seed"]) == (77, 5)
    baseline = spec.root.dag.tasks["baseline"].inputs.parameters["rebaseline"]
    assert baseline.runtime_value.constant.number_value == 1
    assert not list(tmp_path.glob("*.tmp*"))


@pytest.mark.tfx
def test_nothing_is_written_if_the_cluster_is_refused(tmp_path: Path):
    path = tmp_path / "pipeline.json"
    given = [word if word != "gs://bucket/digits" else "runs/digits" for word in VERTEX]
    refused(*given, "-o", path, code=2, words="--root: containers share no folder")
    assert not path.exists()


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("compile", TASK, "--root", "gs://b", "--image", "i"), "Missing option '--runner'"),
        ((*VERTEX, "--set", "train.stepz=1"), "train.stepz"),
    ],
)
def test_mistakes_in_the_request_are_found_at_once(arguments, words):
    refused(*arguments, code=2, words=words)


def test_help_has_examples():
    assert "--runner kubeflow --root minio://" in invoke("compile", "--help").stdout
