"""What a cluster is refused, and where a pipeline keeps things there."""

from __future__ import annotations

import dataclasses
import json

import pytest
from google.cloud.aiplatform_v1.types import custom_job
from tfx.extensions.google_cloud_ai_platform import training_clients
from tfx.extensions.google_cloud_ai_platform.trainer.executor import TRAINING_ARGS_KEY
from tfx.types import Channel, standard_artifacts

from perceiver_keras.components import vertex_trainer
from perceiver_keras.errors import UsageError
from perceiver_keras.pipeline.cluster import ClusterPlaces, ClusterSettings, check, vertex_job
from perceiver_keras.pipeline.settings import PipelineSettings

pytestmark = pytest.mark.tfx

VERTEX = ClusterSettings(
    runner="vertex", root="gs://bucket/digits/", image="image:1", project="p", region="r"
)
KUBEFLOW = ClusterSettings(
    runner="kubeflow", root="minio://bucket/digits", image="image:1", volume="claim"
)


def settings(*overrides: str) -> PipelineSettings:
    return PipelineSettings.create("image_classification", run_dir=".", overrides=overrides)


@pytest.mark.parametrize(
    ("where", "changes", "overrides", "words"),
    [
        (VERTEX, {"runner": "airflow"}, (), "expected vertex or kubeflow, got 'airflow'"),
        (VERTEX, {"root": "runs/digits"}, (), "expected a URI .* got 'runs/digits'"),
        (VERTEX, {"project": None}, (), "give --project"),
        (VERTEX, {"region": None}, (), "give --region"),
        (VERTEX, {"volume": "claim"}, (), "--volume is for --runner kubeflow"),
        (VERTEX, {"root": "s3://bucket"}, (), "mounts buckets of gs:// only"),
        (VERTEX, {"workers": 0}, (), "--workers: expected 1 or more, got 0"),
        (VERTEX, {"accelerators": 0}, (), "--accelerators: expected 1 or more, got 0"),
        (VERTEX, {"workers": 2}, (), "--workers 2 and train.strategy=auto"),
        (VERTEX, {}, ("train.strategy=multi_worker",), "--workers 1 and train.strategy=multi"),
        (VERTEX, {}, ("data.batch_size=auto",), "data.batch_size=auto would measure"),
        (VERTEX, {}, ("evaluate.batch_size=auto",), "evaluate.batch_size=auto would measure"),
        (KUBEFLOW, {"volume": None}, (), "give --volume CLAIM"),
        (KUBEFLOW, {"workers": 2}, ("train.strategy=multi_worker",), "indexed_job.yaml"),
    ],
)
def test_what_can_not_run_there_is_refused(where, changes, overrides, words):
    with pytest.raises(UsageError, match=words):
        check(dataclasses.replace(where, **changes), settings(*overrides))


@pytest.mark.parametrize(
    ("where", "changes", "overrides"),
    [
        (VERTEX, {}, ()),
        (VERTEX, {"workers": 4}, ("train.strategy=multi_worker",)),
        (KUBEFLOW, {}, ()),
        (KUBEFLOW, {"volume": None, "state": "/a", "shared": "gs://b"}, ()),
    ],
)
def test_what_can_run_there_is_not(where, changes, overrides):
    check(dataclasses.replace(where, **changes), settings(*overrides))


def test_vertex_keeps_state_in_the_bucket_as_it_is_mounted():
    places, local = ClusterPlaces(settings(), VERTEX), settings()
    assert places.root == "gs://bucket/digits"
    assert places.pushed == "gs://bucket/digits/pushed"
    name = local.training_state("abc").name
    assert places.state("abc") == f"/gcs/bucket/digits/training/{name}"
    assert places.words("abc") == f"/gcs/bucket/digits/training/{local.words('abc').name}"
    assert places.metadata is None


def test_kubeflow_keeps_everything_on_its_volume():
    places = ClusterPlaces(settings(), KUBEFLOW)
    assert places.root == "minio://bucket/digits"
    assert places.pushed == "/shared/image-classification/pushed"
    assert places.state("abc").startswith("/shared/image-classification/state/training/")
    other = dataclasses.replace(KUBEFLOW, mount="/mnt/", shared="s3://b/x")
    assert ClusterPlaces(settings(), other).pushed == "s3://b/x/pushed"
    assert ClusterPlaces(settings(), other).state("a").startswith("/mnt/image-classification/")


def test_a_rebaseline_is_the_resolvers_option():
    made = dataclasses.replace(settings(), rebaseline=True)
    model = Channel(type=standard_artifacts.Model)
    for where, wanted in ((settings(), 0), (made, 1)):
        node = ClusterPlaces(where, VERTEX).baseline(model)
        assert node.id == "baseline"
        assert node.exec_properties == {"shared": "gs://bucket/digits", "rebaseline": wanted}


def test_a_job_without_accelerators_or_an_account_names_none():
    job = vertex_job(VERTEX, "digits")[TRAINING_ARGS_KEY]
    assert "accelerator" not in json.dumps(job) and "service_account" not in json.dumps(job)
    [pool] = job["job_spec"]["worker_pool_specs"]
    assert pool["machine_spec"] == {"machine_type": "n1-standard-8"}


@pytest.fixture
def jobs(monkeypatch):
    """The jobs that were launched; the service is not asked."""
    launched = []

    class Client(training_clients.VertexJobClient):
        def create_client(self):
            pass

        def launch_job(self, project, training_job):
            launched.append((project, self._region, custom_job.CustomJob(training_job)))

        def get_job(self):
            return custom_job.CustomJob(state="JOB_STATE_SUCCEEDED")

    monkeypatch.setattr(training_clients, "VertexJobClient", Client)
    return launched


def test_the_job_runs_our_trainer_where_the_settings_say(jobs):
    """It is made by TFX, and read as the service's own message."""
    where = ClusterSettings(
        runner="vertex", root="gs://b/r", image="image:7", project="mine", region="europe-west4",
        service_account="a@mine", machine_type="n1-highmem-8", accelerator="NVIDIA_TESLA_T4",
        accelerators=2, workers=3,
    )  # fmt: skip
    model = standard_artifacts.Model()
    model.uri = "gs://b/r/model"
    config = json.dumps(vertex_job(where, "digits"))
    vertex_trainer.Executor().Do({}, {"model": [model]}, {"custom_config": config})
    [(project, region, job)] = jobs
    assert (project, region, job.display_name) == ("mine", "europe-west4", "digits-trainer")
    assert job.job_spec.service_account == "a@mine"
    pools = job.job_spec.worker_pool_specs
    assert [pool.replica_count for pool in pools] == [1, 2]
    for pool in pools:
        assert pool.machine_spec.machine_type == "n1-highmem-8"
        assert pool.machine_spec.accelerator_type.name == "NVIDIA_TESLA_T4"
        assert pool.machine_spec.accelerator_count == 2
        assert pool.container_spec.image_uri == "image:7"
        command = list(pool.container_spec.command)
        named = command[command.index("--executor_class_path") + 1]
        assert named == "perceiver_keras.components.vertex_trainer.StagedExecutor"
        assert "gs://b/r/model" in command[command.index("--outputs") + 1]
