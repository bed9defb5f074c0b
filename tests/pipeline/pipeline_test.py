"""The graph as TFX compiles it: what depends on what, what the cache compares, where things are kept. Nothing runs."""

from __future__ import annotations

import json

import pytest
from tfx.dsl.compiler import compiler

from perceiver_keras.pipeline.pipeline import create_pipeline
from perceiver_keras.pipeline.settings import PipelineSettings

pytestmark = [pytest.mark.tfx]


def create(folder, *overrides, **kwargs):
    made = PipelineSettings.create(
        "image_classification", run_dir=folder, overrides=overrides, **kwargs
    )
    return create_pipeline(made)


def nodes(pipeline) -> dict[str, object]:
    compiled = compiler.Compiler().compile(pipeline)
    return {node.pipeline_node.node_info.id: node.pipeline_node for node in compiled.nodes}


def parameters(pipeline, node: str) -> dict[str, str]:
    """What the cache compares in addition to the inputs."""
    found = nodes(pipeline)[node].parameters.parameters
    return {name: value.field_value.string_value for name, value in found.items()}


def custom_config(pipeline, node: str) -> dict:
    return json.loads(parameters(pipeline, node)["custom_config"])


def test_a_component_comes_after_all_that_it_reads(tmp_path) -> None:
    found = nodes(create(tmp_path))
    assert list(found)[0] == "TfdsExampleGen" and list(found)[-1] == "ReportGen"
    upstream = {name: set(node.upstream_nodes) for name, node in found.items()}
    for number, name in enumerate(found):
        assert upstream[name] <= set(list(found)[:number]), name
    assert upstream["Evaluator"] == {"TfdsExampleGen", "Trainer", "baseline"}
    assert {"Evaluator", "ServingValidator", "TrivialGuess"} < upstream["Gate"]
    assert {"Gate", "ServingValidator"} < upstream["AtomicPusher"]
    # Nothing is transformed before the data is checked, or trained before it is known what a guess reaches.
    assert "ExampleValidator" in upstream["Transform"]
    assert upstream["Trainer"] == {"TfdsExampleGen", "Transform", "SchemaGen", "TrivialGuess"}
    assert "Tuner" not in found


def test_a_search_puts_a_tuner_before_the_trainer_on_the_same_data(tmp_path) -> None:
    pipeline = create(tmp_path, 'train.search={"train.learning_rate": [1e-4, 1e-3]}')
    found = nodes(pipeline)
    assert list(found).index("Tuner") == list(found).index("Trainer") - 1
    assert {"Transform", "SchemaGen", "Tuner"} < set(found["Trainer"].upstream_nodes)
    assert "TrivialGuess" in found["Tuner"].upstream_nodes
    assert custom_config(pipeline, "Tuner") == custom_config(pipeline, "Trainer")


def test_the_same_settings_make_the_same_graph(tmp_path) -> None:
    one, other = nodes(create(tmp_path)), nodes(create(tmp_path))
    for name in one:
        assert one[name].parameters == other[name].parameters, name


def test_code_of_another_task_leaves_the_parameters_alone(changed, tmp_path) -> None:
    def both():
        pipeline = create(tmp_path)
        return [parameters(pipeline, name)["custom_config"] for name in ("Transform", "Trainer")]

    before = both()
    for path, same in (
        ("perceiver_keras/tasks/optical_flow/data.py", True),
        ("perceiver_keras/data/flow/augment.py", True),
        ("perceiver_keras/training/board.py", True),
        ("perceiver_keras/tasks/image_classification/data.py", False),
        ("perceiver_keras/training/step.py", False),
    ):
        with changed(path):
            assert [a == b for a, b in zip(before, both(), strict=True)] == [same] * 2, path
    assert both() == before


def test_a_threshold_reaches_the_gate_and_no_training(tmp_path) -> None:
    before = create(tmp_path)
    after = create(tmp_path, "evaluate.thresholds.accuracy=0.123")
    same = {
        name: node.parameters == nodes(after)[name].parameters
        for name, node in nodes(before).items()
    }
    assert {name for name, equal in same.items() if not equal} == {
        *("TrivialGuess", "Gate", "AtomicPusher", "ReportGen")
    }


def test_limits_of_the_data_reach_its_checks_and_nothing_else(tmp_path) -> None:
    limits = ("data.on_anomaly=report", "data.max_drift=0.3", "data.max_class_drift=0.3")
    before, after = create(tmp_path), create(tmp_path, *limits, "data.max_leak_share=0.2")
    same = {
        name: node.parameters == nodes(after)[name].parameters
        for name, node in nodes(before).items()
    }
    assert {name for name, equal in same.items() if not equal} == {
        *("LeakDetector", "ExampleValidator", "AtomicPusher", "ReportGen")
    }


def test_everything_is_below_the_run_folder_unless_the_store_is_elsewhere(tmp_path) -> None:
    here = create(tmp_path)
    assert here.pipeline_info.pipeline_root == str(tmp_path / "artifacts")
    assert here.metadata_connection_config.sqlite.filename_uri == str(tmp_path / "metadata.sqlite")
    pushed = json.loads(parameters(here, "AtomicPusher")["push_destination"])
    assert pushed["filesystem"]["base_directory"] == str(tmp_path / "pushed")
    assert custom_config(here, "Trainer")["state_dir"].startswith(str(tmp_path / "training"))

    mysql = create(tmp_path, metadata_uri="mysql://me:secret@store:3307/runs")
    mysql = mysql.metadata_connection_config.mysql
    assert (mysql.host, mysql.port, mysql.database) == ("store", 3307, "runs")
    assert (mysql.user, mysql.password) == ("me", "secret")


def test_a_setting_of_training_leaves_the_guess_in_the_cache(tmp_path) -> None:
    """Also where it needs a vocabulary, which the Trainer then has from the same place."""
    for task, more in (
        ("image_classification", ()),
        ("language_mlm", ("data.sentencepiece=train", "model.vocabulary=206")),
    ):

        def made(*overrides, task=task, more=more):
            settings = PipelineSettings.create(
                task, run_dir=tmp_path, overrides=(*more, *overrides)
            )
            return create_pipeline(settings)

        before = made()
        guess = parameters(before, "TrivialGuess")
        trained = (
            "train.learning_rate=0.0123",
            "train.steps=77",
            "data.batch_size=8",
            "model.encode.num_latents=3",
            "evaluate.allowed_drop=0.1",
        )
        after = made(*trained)
        assert parameters(after, "TrivialGuess") == guess
        assert custom_config(after, "Trainer") != custom_config(before, "Trainer")
        assert parameters(made("data.test_split=train"), "TrivialGuess") != guess
        folder = custom_config(after, "Trainer").get("vocabulary_dir")
        assert folder == (guess["state_dir"] if more else None)
