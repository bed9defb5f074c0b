"""The settings of a pipeline on Vertex AI or Kubeflow Pipelines, and where it keeps things there."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from kfp.pipeline_spec import pipeline_spec_pb2
from tfx.dsl.components.base.base_component import BaseComponent
from tfx.dsl.components.base.base_node import BaseNode
from tfx.extensions.google_cloud_ai_platform import constants
from tfx.extensions.google_cloud_ai_platform.trainer import executor as vertex_executor
from tfx.types import BaseChannel

from perceiver_keras.components.cluster.kept import PUSHED
from perceiver_keras.components.kept_baseline import KeepBaseline, KeptBaseline
from perceiver_keras.components.kept_schema import KeepSchema, KeptSchema
from perceiver_keras.components.trainer import Trainer
from perceiver_keras.components.vertex_trainer import VertexTrainer
from perceiver_keras.errors import UsageError
from perceiver_keras.pipeline.settings import PipelineSettings

VERTEX, KUBEFLOW = "vertex", "kubeflow"
RUNNERS = (VERTEX, KUBEFLOW)
ResourceSpec = pipeline_spec_pb2.PipelineDeploymentConfig.PipelineContainerSpec.ResourceSpec


@dataclass(frozen=True, kw_only=True)
class ClusterSettings:
    """Where a pipeline runs.

    Attributes:
      runner: "vertex" or "kubeflow".
      root: A URI; artifacts are below it.
      image: That of deploy/Dockerfile, as the cluster pulls it.
      shared: What all runs share: pushed models, the accepted schema, the verdicts. A URI, or a folder of the volume;
        None: `root`.
      state: The folder of the containers for checkpoints; None: of Vertex AI, the bucket as it is mounted there.
      volume: Kubeflow: the PersistentVolumeClaim that is mounted at `mount` in every container.
      mount: Where.
      project, region: Vertex AI: of Google Cloud, where the training jobs run.
      service_account: Vertex AI: as which they run; None: the project's default.
      machine_type: Vertex AI: of each worker.
      accelerator, accelerators: Their kind as the platform names it, and how many each worker has.
      workers: Vertex AI: how many train together.
      cpus, memory_gb: What each container may use; None: the platform's default.
      retries: How often the engine starts a failed component again.
    """

    runner: str
    root: str
    image: str
    shared: str | None = None
    state: str | None = None
    volume: str | None = None
    mount: str = "/shared"
    project: str | None = None
    region: str | None = None
    service_account: str | None = None
    machine_type: str = "n1-standard-8"
    accelerator: str | None = None
    accelerators: int = 1
    workers: int = 1
    cpus: float | None = None
    memory_gb: float | None = None
    retries: int = 0

    @property
    def shared_folder(self) -> str:
        return (self.shared or self.root).rstrip("/")

    @property
    def state_folder(self) -> str:
        """Vertex AI mounts buckets below /gcs in the containers of pipelines and of jobs."""
        found = self.state or re.sub("^gs://", "/gcs/", self.root)
        return found.rstrip("/")


def check(cluster: ClusterSettings, settings: PipelineSettings) -> None:
    """Raises UsageError: settings that the platform can't run, or that only make sense on this machine."""
    if cluster.runner not in RUNNERS:
        raise UsageError(f"--runner: expected {' or '.join(RUNNERS)}, got {cluster.runner!r}.")
    if "://" not in cluster.root:
        raise UsageError(
            f"--root: containers share no folder, so expected a URI such as gs://bucket/folder, got {cluster.root!r}."
        )
    _check_vertex(cluster) if cluster.runner == VERTEX else _check_kubeflow(cluster)
    for name in ("accelerators", "workers"):
        if getattr(cluster, name) < 1:
            raise UsageError(f"--{name}: expected 1 or more, got {getattr(cluster, name)}.")
    train = settings.config.train
    if (cluster.workers > 1) != (train.strategy == "multi_worker"):
        raise UsageError(
            f"--workers {cluster.workers} and train.strategy={train.strategy}: expected several workers and "
            "--set train.strategy=multi_worker, or neither."
        )
    for name in ("data", "evaluate"):
        if getattr(settings.config, name).batch_size == "auto":
            raise UsageError(
                f"{name}.batch_size=auto would measure the memory of this machine and not the cluster's; give a number."
            )


def _check_vertex(cluster: ClusterSettings) -> None:
    if missing := [n for n in ("project", "region") if getattr(cluster, n) is None]:
        raise UsageError(
            f"--runner vertex trains in a custom job of a project; give --{missing[0]}."
        )
    if cluster.volume is not None:
        raise UsageError("--volume is for --runner kubeflow; Vertex AI mounts the bucket itself.")
    if not cluster.state_folder.startswith("/"):
        raise UsageError(
            f"--state: Vertex AI mounts buckets of gs:// only, and --root is {cluster.root}; give a folder of the "
            "containers that outlives them."
        )


def _check_kubeflow(cluster: ClusterSettings) -> None:
    if cluster.workers > 1:
        raise UsageError(
            "--runner kubeflow trains with one worker; for several, see deploy/kubernetes/indexed_job.yaml."
        )
    if cluster.volume is None and (cluster.shared is None or cluster.state is None):
        raise UsageError(
            "--runner kubeflow keeps checkpoints and blessed models on a volume; give --volume CLAIM, or --state and "
            "--shared."
        )


def on_volume(cluster: ClusterSettings, pipeline: str) -> ClusterSettings:
    """The settings with folders on the volume, if there is one, where none were given."""
    if cluster.volume is None:
        return cluster
    folder = f"{cluster.mount.rstrip('/')}/{pipeline}"
    return dataclasses.replace(
        cluster, shared=cluster.shared or folder, state=cluster.state or f"{folder}/state"
    )


class ClusterPlaces:
    """`Places` on a cluster."""

    metadata = None  # the engine has one of its own

    def __init__(self, settings: PipelineSettings, cluster: ClusterSettings):
        self._settings = settings
        self.name = settings.task.name.replace("_", "-")
        self._cluster = on_volume(cluster, self.name)
        self.root = cluster.root.rstrip("/")
        self._shared = self._cluster.shared_folder
        self.pushed = f"{self._shared}/{PUSHED}"
        self.told = {"shared": self._shared}

    def state(self, fingerprint: str) -> str:
        name = self._settings.training_state(fingerprint).name
        return f"{self._cluster.state_folder}/training/{name}"

    def words(self, fingerprint: str) -> str:
        return f"{self._cluster.state_folder}/training/{self._settings.words(fingerprint).name}"

    def accepted_schema(self, proposal: BaseChannel) -> BaseNode:
        return KeptSchema(proposal=proposal, shared=self._shared).with_id("accepted_schema")

    def baseline(self, candidate: BaseChannel) -> BaseNode:
        rebaseline = int(self._settings.rebaseline)
        node = KeptBaseline(candidate=candidate, shared=self._shared, rebaseline=rebaseline)
        return node.with_id("baseline")

    def keep_schema(self, **channels: BaseChannel) -> Sequence[BaseNode]:
        return [KeepSchema(shared=self._shared, **channels)]

    def keep_baseline(self, **channels: BaseChannel) -> Sequence[BaseNode]:
        return [KeepBaseline(shared=self._shared, **channels)]

    def trainer(self, custom_config: Mapping[str, Any], **arguments: Any) -> BaseComponent:
        if self._cluster.runner == VERTEX:
            job = vertex_job(self._cluster, self.name)
            return VertexTrainer(custom_config={**custom_config, **job}, **arguments).with_id(
                "Trainer"
            )
        node = Trainer(custom_config=dict(custom_config), **arguments)
        if self._cluster.accelerator:
            resources = ResourceSpec()
            resources.accelerator.type = self._cluster.accelerator
            resources.accelerator.count = self._cluster.accelerators
            node = node.with_platform_config(resources)
        return node


def vertex_job(cluster: ClusterSettings, name: str) -> dict[str, Any]:
    """The custom job that trains, as TFX's `google_cloud_ai_platform` Trainer has it in its `custom_config`."""
    machine: dict[str, Any] = {"machine_type": cluster.machine_type}
    if cluster.accelerator:
        machine |= {
            "accelerator_type": cluster.accelerator,
            "accelerator_count": cluster.accelerators,
        }
    # The first pool is the chief's.
    sizes = [1] if cluster.workers == 1 else [1, cluster.workers - 1]
    pools = [
        {
            "machine_spec": dict(machine),
            "replica_count": size,
            "container_spec": {"image_uri": cluster.image},
        }
        for size in sizes
    ]
    spec: dict[str, Any] = {"worker_pool_specs": pools}
    if cluster.service_account:
        spec["service_account"] = cluster.service_account
    return {
        vertex_executor.TRAINING_ARGS_KEY: {
            "project": cluster.project,
            "display_name": f"{name}-trainer",
            "job_spec": spec,
        },
        constants.ENABLE_VERTEX_KEY: True,
        constants.VERTEX_REGION_KEY: cluster.region,
    }
