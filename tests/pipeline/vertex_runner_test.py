"""TFX's own command line compiles the file, from settings in the environment."""

from __future__ import annotations

import json
import runpy
from pathlib import Path

import pytest
from tfx.tools.cli.handler.kubeflow_v2_dag_runner_patcher import KubeflowV2DagRunnerPatcher

from perceiver_keras.errors import UsageError
from perceiver_keras.pipeline import compiled, vertex_runner

pytestmark = pytest.mark.tfx

ENVIRONMENT = {
    "PERCEIVER_ROOT": "gs://bucket/digits",
    "PERCEIVER_IMAGE": "image:3",
    "PERCEIVER_PROJECT": "mine",
    "PERCEIVER_REGION": "europe-west4",
    "PERCEIVER_SET": "train.steps=7 train.seed=5",
    "PERCEIVER_MACHINE_TYPE": "a2-highgpu-1g",
}


def test_the_settings_come_from_the_environment():
    settings, cluster = vertex_runner.from_environment(ENVIRONMENT)
    assert (settings.config.train.steps, settings.config.train.seed) == (7, 5)
    assert (cluster.root, cluster.image) == ("gs://bucket/digits", "image:3")
    assert (cluster.machine_type, cluster.accelerator) == ("a2-highgpu-1g", None)


@pytest.mark.parametrize("name", ["ROOT", "IMAGE", "PROJECT", "REGION"])
def test_what_is_missing_is_named(name):
    given = {key: value for key, value in ENVIRONMENT.items() if key != f"PERCEIVER_{name}"}
    with pytest.raises(UsageError, match=f"PERCEIVER_{name} is not set"):
        vertex_runner.from_environment(given)


def test_tfx_pipeline_compile_runs_the_file(repository, tmp_path, monkeypatch):
    """As `tfx pipeline compile --engine=vertex` does, which replaces the runner's method and then runs the file."""
    monkeypatch.chdir(tmp_path)
    for key, value in ENVIRONMENT.items():
        monkeypatch.setenv(key, value)
    monkeypatch.setattr("sys.path", [str(repository / "pipeline"), *__import__("sys").path])
    patcher = KubeflowV2DagRunnerPatcher(call_real_run=True)
    with patcher.patch() as context:
        runpy.run_path(str(repository / "pipeline" / "vertex_runner.py"), run_name="__main__")
    assert context[patcher.PIPELINE_NAME] == "image-classification"
    found = json.loads(Path("pipeline.json").read_text())
    assert "Gate" in compiled.spec_of(found).root.dag.tasks
    assert found["runtimeConfig"]["gcsOutputDirectory"] == "gs://bucket/digits"
