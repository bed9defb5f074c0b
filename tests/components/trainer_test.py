"""The Trainer's one more input: where it comes from, and that `run_fn` is told its files."""

from __future__ import annotations

import json

import pytest
from tfx.proto import trainer_pb2
from tfx.types import Channel, artifact_utils, standard_artifacts

from perceiver_keras.components.trainer import RAW_EXAMPLES, RAW_FILES, Executor, Trainer
from perceiver_keras.data.store.records import file_records, take, write_records

pytestmark = [pytest.mark.tfx]


def node(raw):
    return Trainer(
        examples=Channel(type=standard_artifacts.Examples),
        raw_examples=raw,
        run_fn="perceiver_keras.pipeline.user_module.run_fn",
        train_args=trainer_pb2.TrainArgs(splits=["train"], num_steps=3),
        eval_args=trainer_pb2.EvalArgs(splits=["validation"]),
        custom_config={"task": "glue"},
    )


def test_raw_examples_are_an_input_and_no_parameter():
    with_raw, without = node(Channel(type=standard_artifacts.Examples)), node(None)
    assert with_raw.id == without.id == "Trainer"
    assert set(with_raw.inputs) - set(without.inputs) == {RAW_EXAMPLES}
    assert with_raw.exec_properties == without.exec_properties
    assert RAW_FILES not in str(with_raw.exec_properties)
    assert set(with_raw.outputs) == {"model", "model_run"}


def artifact(kind, folder):
    found = kind()
    found.uri = str(folder)
    return found


def examples(folder, content):
    for split in ("train", "validation"):
        write_records([f"{content} {split}".encode()], str(folder / f"Split-{split}" / "data.gz"))
    found = artifact(standard_artifacts.Examples, folder)
    found.split_names = artifact_utils.encode_split_names(["train", "validation"])
    return found


def test_the_files_are_the_raw_ones_of_the_evaluated_split(tmp_path):
    inputs = {"examples": [examples(tmp_path / "made", "made")]}
    outputs = {
        "model": [artifact(standard_artifacts.Model, tmp_path / "model")],
        "model_run": [artifact(standard_artifacts.ModelRun, tmp_path / "model_run")],
    }
    properties = {
        "train_args": '{"splits": ["train"]}',
        "eval_args": '{"splits": ["validation"]}',
        "custom_config": json.dumps({"task": "glue"}),
    }
    executor = Executor(Executor.Context(tmp_dir=str(tmp_path / "tmp"), unique_id="1"))
    without = executor._GetFnArgs(inputs, outputs, properties)
    assert without.custom_config == {"task": "glue"}
    inputs[RAW_EXAMPLES] = [examples(tmp_path / "raw", "raw")]
    found = executor._GetFnArgs(inputs, outputs, properties)
    assert take(file_records(found.custom_config.pop(RAW_FILES)), 5) == [b"raw validation"]
    assert take(file_records(found.eval_files), 5) == [b"made validation"]
    assert found.custom_config == {"task": "glue"}
