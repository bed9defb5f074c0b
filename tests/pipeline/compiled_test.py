"""The compiled file follows the published schema, word for word, and says what the graph on this machine says."""

from __future__ import annotations

import dataclasses
import json
import re

import pytest
import yaml
from google.protobuf import json_format
from kfp.pipeline_spec import pipeline_spec_pb2
from tfx.dsl.compiler import compiler
from tfx.orchestration.kubeflow.v2 import compiler_utils

from perceiver_keras.pipeline import compiled
from perceiver_keras.pipeline.cluster import ClusterPlaces
from perceiver_keras.pipeline.pipeline import create_pipeline
from perceiver_keras.pipeline.settings import PipelineSettings
from tests.pipeline.cluster_test import KUBEFLOW, VERTEX

pytestmark = pytest.mark.tfx


@pytest.fixture(scope="module")
def settings(tmp_path_factory):
    return PipelineSettings.create(
        "image_classification", run_dir=tmp_path_factory.mktemp("unused")
    )


@pytest.fixture(scope="module")
def vertex(settings):
    return compiled.compiled(settings, dataclasses.replace(VERTEX, retries=2))


@pytest.fixture(scope="module")
def kubeflow(settings):
    where = dataclasses.replace(
        KUBEFLOW, cpus=4.0, memory_gb=16.0, accelerator="nvidia.com/gpu", accelerators=2
    )
    return compiled.compiled(settings, where)


def local_upstream(settings) -> dict[str, set[str]]:
    graph = compiler.Compiler().compile(create_pipeline(settings))
    nodes = [node.pipeline_node for node in graph.nodes]
    return {node.node_info.id: set(node.upstream_nodes) for node in nodes}


def test_both_follow_the_schema_and_a_key_more_is_refused(vertex, kubeflow):
    for found in (vertex, kubeflow):
        spec = compiled.spec_of(found)
        assert spec.schema_version == "2.1.0"
        assert re.fullmatch("[a-z0-9-]+", spec.pipeline_info.name)
        assert len(compiled.executors_of(spec).executors) == len(spec.root.dag.tasks)
    assert vertex["runtimeConfig"]["gcsOutputDirectory"] == "gs://bucket/digits"
    assert kubeflow["defaultPipelineRoot"] == "minio://bucket/digits"
    with pytest.raises(json_format.ParseError, match="surplus"):
        compiled.spec_of({**kubeflow, "surplus": 1})
    with pytest.raises(json_format.ParseError):
        compiled.spec_of({**vertex, "pipelineSpec": {**vertex["pipelineSpec"], "surplus": 1}})


def test_the_tasks_are_the_components_of_a_run_here(settings, vertex):
    here, there = local_upstream(settings), compiled.spec_of(vertex).root.dag.tasks
    assert set(there) - set(here) == {"KeepSchema", "KeepBaseline"}
    for name, upstream in here.items():
        assert set(there[name].dependent_tasks) == upstream, name
    # The schema is kept once its data passed, the baseline once it is pushed.
    assert "ExampleValidator" in there["KeepSchema"].dependent_tasks
    assert "AtomicPusher" in there["KeepBaseline"].dependent_tasks


def test_every_input_has_a_producer_of_its_type(vertex, kubeflow):
    for found in (vertex, kubeflow):
        spec = compiled.spec_of(found)
        for name, task in spec.root.dag.tasks.items():
            for key, source in task.inputs.artifacts.items():
                wanted = spec.components[name].input_definitions.artifacts[key].artifact_type
                made = spec.components[source.task_output_artifact.producer_task]
                given = made.output_definitions.artifacts[
                    source.task_output_artifact.output_artifact_key
                ].artifact_type
                assert wanted == given, (name, key)


def test_no_executor_is_a_resolver_and_each_starts_our_entry_point(vertex, kubeflow):
    """Kubeflow Pipelines refuses resolvers, and Vertex AI's have other rules."""
    for found in (vertex, kubeflow):
        for label, executor in compiled.executors_of(compiled.spec_of(found)).executors.items():
            assert executor.WhichOneof("spec") == "container", label
            assert executor.container.image == "image:1"
            assert list(executor.container.command) == list(compiled.ENTRY)


def test_what_changes_from_run_to_run_never_comes_from_the_cache(settings, vertex):
    tasks = compiled.spec_of(vertex).root.dag.tasks
    cached = {name for name, task in tasks.items() if task.caching_options.enable_cache}
    assert set(tasks) - cached == {"accepted_schema", "baseline"}
    assert {task.retry_policy.max_retry_count for task in tasks.values()} == {2}


def test_no_path_of_this_machine_is_in_the_file(settings, vertex, kubeflow):
    for found in (vertex, kubeflow):
        assert str(settings.run_dir) not in json.dumps(found)


def test_resources_are_of_each_container_and_accelerators_of_the_trainers(kubeflow):
    for label, executor in compiled.executors_of(compiled.spec_of(kubeflow)).executors.items():
        resources = executor.container.resources
        assert (resources.cpu_limit, resources.memory_limit) == (4.0, 16.0)
        wanted = 2 if label == "Trainer_executor" else 0
        assert resources.accelerator.count == wanted, label
        assert resources.accelerator.type == ("nvidia.com/gpu" if wanted else "")


def test_a_volume_is_mounted_in_every_container(kubeflow, vertex):
    loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)  # in C, which is fast
    spec, platform = yaml.load_all(compiled.text(kubeflow, KUBEFLOW), loader)
    assert spec == kubeflow
    executors = platform["platforms"]["kubernetes"]["deploymentSpec"]["executors"]
    assert set(executors) == set(spec["deploymentSpec"]["executors"])
    for executor in executors.values():
        assert executor == {"pvcMount": [{"constant": "claim", "mountPath": "/shared"}]}
    assert json.loads(compiled.text(vertex, VERTEX)) == vertex


def test_our_artifact_types_are_titled_and_tfxs_function_is_itself_again(vertex):
    guess = vertex["pipelineSpec"]["components"]["TrivialGuess"]["outputDefinitions"]["artifacts"]
    title = yaml.safe_load(guess["guess"]["artifactType"]["instanceSchema"])["title"]
    assert title == "perceiver.PerceiverTrivialGuess"
    assert compiler_utils.get_artifact_schema.__module__ == compiler_utils.__name__


def test_the_runner_writes_what_it_returns(settings, tmp_path):
    runner = compiled.ClusterDagRunner(VERTEX, str(tmp_path / "new"), output_filename="p.json")
    found = runner.run(create_pipeline(settings, ClusterPlaces(settings, VERTEX)))
    assert json.loads((tmp_path / "new" / "p.json").read_text()) == found
    assert isinstance(compiled.spec_of(found), pipeline_spec_pb2.PipelineSpec)
