"""The commands of a compiled pipeline, run as a container runs them. scripts/try_compiled.py runs all of them."""

from __future__ import annotations

import importlib.util
import json
import sys
from pathlib import Path

import pytest
from google.protobuf import json_format
from kfp.pipeline_spec import pipeline_spec_pb2
from tfx.types import standard_artifacts

from perceiver_keras.components.cluster.kept import nothing
from perceiver_keras.pipeline import compiled, container
from perceiver_keras.pipeline.cluster import ClusterSettings
from perceiver_keras.pipeline.settings import PipelineSettings

pytestmark = pytest.mark.tfx


@pytest.fixture(scope="module")
def launcher(repository, tmp_path_factory):
    """The script's engine of a pipeline for Vertex AI, whose bucket is a remote one of TensorFlow's."""
    spec = importlib.util.spec_from_file_location(
        "try_compiled", repository / "scripts" / "try_compiled.py"
    )
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    folder = tmp_path_factory.mktemp("cluster")
    where = ClusterSettings(
        runner="vertex", root=f"file://{folder}/bucket", state=f"{folder}/state", image="image:1",
        project="p", region="r",
    )  # fmt: skip
    settings = PipelineSettings.create(
        "image_classification", run_dir=folder / "unused", overrides=("data.max_examples=40",)
    )
    file = folder / "pipeline.json"
    file.write_text(compiled.text(compiled.compiled(settings, where), where))
    return module.Launcher(file, folder)


def run_here(launcher, name: str) -> dict[str, pipeline_spec_pb2.RuntimeArtifact]:
    """Runs a task's command in this process, which has imported TFX; returns what it says about its outputs."""
    given = launcher.executor_input("run", name)
    command, _ = launcher.command(name, given)
    assert command[:3] == [sys.executable, "-m", container.__name__]
    assert container.main(command[3:]) == 0
    text = Path(given.outputs.output_file.removeprefix("file://")).read_text()
    told = json_format.Parse(text, pipeline_spec_pb2.ExecutorOutput())
    launcher.publish(name, launcher.spec.components[name], given, "key")
    return {key: found.artifacts[0] for key, found in told.artifacts.items()}


def test_a_component_writes_into_the_bucket_and_says_so(launcher):
    found = run_here(launcher, "TfdsExampleGen")["examples"]
    assert found.uri == f"{launcher.root}/run/TfdsExampleGen/examples"
    assert found.metadata["num_examples_train"] == 40
    assert json.loads(found.metadata["split_names"]) == ["train", "validation", "test"]
    files = Path(found.uri.removeprefix("file://")).glob("Split-*/*")
    assert {path.parent.name for path in files} == {"Split-train", "Split-validation", "Split-test"}


def blessing_of(model: str) -> pipeline_spec_pb2.ExecutorInput:
    raw = pipeline_spec_pb2.ExecutorInput()
    artifact = raw.inputs.artifacts["model"].artifacts.add()
    artifact.name, artifact.uri = model, "/model"
    artifact.type.instance_schema = "title: tfx.Model\ntype: object\n"
    return raw


def test_a_blessing_names_models_as_the_platforms_store_does():
    names: dict[int, str] = {}
    raw = blessing_of("projects/1/metadataStores/default/artifacts/7")
    inputs = container.entry.parse_raw_artifact_dict(raw.inputs.artifacts, names)
    blessing = standard_artifacts.ModelBlessing()
    blessing.set_int_custom_property("current_model_id", inputs["model"][0].id)
    container._name_models(blessing, names)
    told = blessing.get_string_custom_property("current_model_id")
    assert told == "projects/1/metadataStores/default/artifacts/7"
    assert not blessing.has_custom_property("baseline_model_id")


def test_what_is_absent_is_not_given():
    absent, there = standard_artifacts.Model(), standard_artifacts.Model()
    nothing(absent)
    assert container._present({"a": [absent], "b": [there]}) == {"b": [there]}


@pytest.mark.parametrize(
    ("beam_args", "elsewhere"),
    [
        ([], False),
        (["--runner=DirectRunner"], False),
        (["--direct_num_workers=2"], False),
        (["--runner=DataflowRunner", "--project=p"], True),
    ],
)
def test_beam_on_other_machines_works_on_the_bucket_itself(beam_args, elsewhere):
    from perceiver_keras.components import evaluator, gate

    assert container._elsewhere(evaluator.Executor, beam_args) == elsewhere
    assert not container._elsewhere(gate.Gate_Executor, beam_args)


def test_an_error_is_one_line_and_code_1(launcher, capsys):
    given = launcher.executor_input("broken", "TfdsExampleGen")
    given.inputs.parameter_values["dataset"].string_value = "no_such_data"
    command, _ = launcher.command("TfdsExampleGen", given)
    assert container.main(command[3:]) == 1
    said = [line for line in capsys.readouterr().err.splitlines() if line.startswith("Error: ")]
    assert len(said) == 1 and "no_such_data" in said[0]
    assert not Path(given.outputs.output_file.removeprefix("file://")).exists()
