"""What runs in a custom job of Vertex AI. tests/pipeline/cluster_test.py has the job itself."""

from __future__ import annotations

from pathlib import Path

import pytest
from tfx.types import standard_artifacts

from perceiver_keras.components import vertex_trainer
from perceiver_keras.training import cluster

pytestmark = pytest.mark.tfx


def run_fn(fn_args) -> None:
    """As the pipeline's: of several workers, only the chief exports."""
    assert "://" not in fn_args.serving_model_dir
    if cluster.is_chief_here():
        Path(fn_args.serving_model_dir).mkdir(parents=True)
        Path(fn_args.serving_model_dir, "saved_model.pb").write_text("m")


@pytest.mark.parametrize(("index", "written"), [(None, True), (0, True), (1, False)])
def test_in_the_job_only_the_chief_writes_and_no_worker_fails(
    tmp_path, monkeypatch, index, written
):
    monkeypatch.delenv(cluster.VARIABLE, raising=False)
    if index is not None:
        monkeypatch.setenv(cluster.VARIABLE, cluster.to_text(["a:1", "b:1"], index))
    kinds = {
        "examples": standard_artifacts.Examples,
        "model": standard_artifacts.Model,
        "model_run": standard_artifacts.ModelRun,
    }
    made = {name: kind() for name, kind in kinds.items()}
    for name, artifact in made.items():
        artifact.uri = f"file://{tmp_path}/{name}"
    made["examples"].split_names = '["train", "eval"]'
    for split in ("train", "eval"):
        (tmp_path / "examples" / f"Split-{split}").mkdir(parents=True)
    inputs = {"examples": [made.pop("examples")]}
    properties = {"run_fn": f"{__name__}.run_fn", "train_args": "{}", "eval_args": "{}"}
    outputs = {name: [artifact] for name, artifact in made.items()}
    vertex_trainer.StagedExecutor().Do(inputs, outputs, {**properties, "custom_config": "{}"})
    assert (tmp_path / "model" / "Format-Serving" / "saved_model.pb").exists() == written


def test_the_task_that_starts_the_job_leaves_artifacts_where_they_are():
    assert vertex_trainer.Executor.WANTS_REMOTE
    assert vertex_trainer.Executor()._GetExecutorClass() is vertex_trainer.StagedExecutor
    assert vertex_trainer.VertexTrainer.EXECUTOR_SPEC.executor_class is vertex_trainer.Executor
