"""The pipeline as a file for Vertex AI or Kubeflow Pipelines: `perceiver compile`."""

from __future__ import annotations

import contextlib
import json
import os
from collections.abc import Iterator
from typing import Any
from unittest import mock

import yaml
from google.protobuf import json_format
from kfp.pipeline_spec import pipeline_spec_pb2
from tfx.orchestration.kubeflow.v2 import compiler_utils
from tfx.orchestration.kubeflow.v2.kubeflow_v2_dag_runner import (
    KubeflowV2DagRunner,
    KubeflowV2DagRunnerConfig,
)
from tfx.orchestration.pipeline import Pipeline
from tfx.types import Artifact

from perceiver_keras.files import write_whole
from perceiver_keras.pipeline.cluster import (
    KUBEFLOW,
    ClusterPlaces,
    ClusterSettings,
    ResourceSpec,
    check,
)
from perceiver_keras.pipeline.pipeline import create_pipeline
from perceiver_keras.pipeline.settings import PipelineSettings
from perceiver_keras.pipeline.titles import OURS, title

ENTRY = ("python", "-m", "perceiver_keras.pipeline.container")
# What these find changes from run to run, although their inputs do not.
NEVER_CACHED = ("accepted_schema", "baseline")


def compiled(settings: PipelineSettings, cluster: ClusterSettings) -> dict[str, Any]:
    """A PipelineJob for Vertex AI, or a PipelineSpec for Kubeflow Pipelines, as JSON has them.

    Raises:
      UsageError: the settings do not fit the platform, the data or each other.
      PerceiverError: the data set is unavailable on this machine, which reads the names of its classes.
    """
    check(cluster, settings)
    return ClusterDagRunner(cluster).run(
        create_pipeline(settings, ClusterPlaces(settings, cluster)), write_out=False
    )


def text(found: dict[str, Any], cluster: ClusterSettings) -> str:
    """The content of the file: JSON, which is YAML; with a volume, a second document says where it is mounted."""
    pages = [json.dumps(found, indent=1, sort_keys=True)]
    if cluster.runner == KUBEFLOW and cluster.volume:
        pages.append(json.dumps(_platform(found, cluster), indent=1, sort_keys=True))
    return "\n---\n".join(pages) + "\n"


class ClusterDagRunner(KubeflowV2DagRunner):
    """TFX's compiler with our image, entry point, artifact types, resources and retries."""

    def __init__(self, cluster: ClusterSettings, output_dir: str | None = None, **kwargs: Any):
        self._cluster = cluster
        config = KubeflowV2DagRunnerConfig(
            default_image=cluster.image, default_commands=list(ENTRY), use_pipeline_spec_2_1=True
        )
        super().__init__(config, output_dir=output_dir, **kwargs)

    def run(
        self,
        pipeline: Pipeline,
        parameter_values: dict[str, Any] | None = None,
        write_out: bool | None = True,
    ) -> dict[str, Any]:
        """What `compiled` returns; `write_out` writes it to the folder and file of the constructor."""
        for node in pipeline.components:
            _limit(node, self._cluster)
        with _our_titles():
            job = super().run(pipeline, parameter_values, write_out=False)
        spec = job["pipelineSpec"]
        for name, task in spec["root"]["dag"]["tasks"].items():
            if name in NEVER_CACHED:
                task.pop("cachingOptions", None)
            if self._cluster.retries:
                task["retryPolicy"] = {"maxRetryCount": self._cluster.retries}
        found = job
        if self._cluster.runner == KUBEFLOW:
            found = {**spec, "defaultPipelineRoot": pipeline.pipeline_info.pipeline_root}
        if write_out:
            os.makedirs(self._output_dir, exist_ok=True)
            write_whole(
                os.path.join(self._output_dir, self._output_filename), text(found, self._cluster)
            )
        return found


def _limit(node: Any, cluster: ClusterSettings) -> None:
    if cluster.cpus is None and cluster.memory_gb is None:
        return
    if not hasattr(node, "with_platform_config"):
        return
    resources = ResourceSpec()
    if node.platform_config is not None:
        resources.CopyFrom(node.platform_config)
    resources.cpu_limit = cluster.cpus or 0
    resources.memory_limit = cluster.memory_gb or 0
    node.with_platform_config(resources)


@contextlib.contextmanager
def _our_titles() -> Iterator[None]:
    """TFX takes the type's name as the title, and ours have no namespace; stores on this machine know them so."""
    original = compiler_utils.get_artifact_schema

    def schema(kind: type[Artifact]) -> str:
        if kind in OURS:
            return yaml.safe_dump({"title": title(kind), "type": "object"}, sort_keys=False)
        return original(kind)

    with mock.patch.object(compiler_utils, "get_artifact_schema", schema):
        yield


def _platform(spec: dict[str, Any], cluster: ClusterSettings) -> dict[str, Any]:
    mount = {"constant": cluster.volume, "mountPath": cluster.mount}
    executors = {name: {"pvcMount": [mount]} for name in spec["deploymentSpec"]["executors"]}
    return {"platforms": {"kubernetes": {"deploymentSpec": {"executors": executors}}}}


def spec_of(found: dict[str, Any]) -> pipeline_spec_pb2.PipelineSpec:
    """The PipelineSpec of a compiled file; raises ParseError for what the published schema does not have."""
    if "pipelineSpec" in found:
        job = json_format.ParseDict(found, pipeline_spec_pb2.PipelineJob())
        found = json_format.MessageToDict(job.pipeline_spec)
    return json_format.ParseDict(found, pipeline_spec_pb2.PipelineSpec())


def executors_of(
    spec: pipeline_spec_pb2.PipelineSpec,
) -> pipeline_spec_pb2.PipelineDeploymentConfig:
    """How each executor is started; raises ParseError as `spec_of`."""
    return json_format.ParseDict(
        json_format.MessageToDict(spec.deployment_spec),
        pipeline_spec_pb2.PipelineDeploymentConfig(),
    )
