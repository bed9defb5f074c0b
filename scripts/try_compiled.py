"""Runs every command of a compiled pipeline on this machine, as the platform's launcher would: one process each.

    perceiver compile image_classification --runner vertex --root file:///tmp/try/bucket --state /tmp/try/state \
        --image any --project any --region any -o /tmp/try/pipeline.json
    python scripts/try_compiled.py /tmp/try/pipeline.json /tmp/try --runs 2

For Vertex AI the bucket is a file:// one, which our code reaches only as it reaches gs://. For Kubeflow Pipelines it is
minio://, and the launcher's copies are made here. A task comes from the cache if the platform's rule says so. The
custom job of Vertex AI is made by TFX, and its workers are processes of this machine.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import shutil
import socket
import subprocess
import sys
import time
import traceback
from pathlib import Path
from typing import Any

import yaml
from google.protobuf import json_format
from kfp.pipeline_spec import pipeline_spec_pb2 as pb

ROOT = Path(__file__).resolve().parents[1]
PLACEHOLDER = "{{$}}"


class Launcher:
    """The engine of one pipeline: its tasks in order, their inputs, and what the cache has.

    Attributes:
      folder: For everything; "store" in it is the object store of minio://.
      fork: Whether processes begin with TFX imported, which saves most of their time.
    """

    def __init__(self, file: Path, folder: Path, fork: bool = False):
        pages = list(yaml.safe_load_all(file.read_text()))
        job = pages[0]
        is_vertex = "pipelineSpec" in job
        found = job["pipelineSpec"] if is_vertex else job
        self.spec = json_format.ParseDict(found, pb.PipelineSpec())
        self.deployment = json_format.ParseDict(
            json_format.MessageToDict(self.spec.deployment_spec), pb.PipelineDeploymentConfig()
        )
        self.root = (
            job["runtimeConfig"]["gcsOutputDirectory"] if is_vertex else job["defaultPipelineRoot"]
        )
        self.folder, self.is_vertex, self.fork = folder, is_vertex, fork
        self.made: dict[str, dict[str, pb.RuntimeArtifact]] = {}
        self.state = folder / "engine.json"
        self.known = json.loads(self.state.read_text()) if self.state.exists() else {}

    @property
    def tasks(self) -> list[str]:
        """In an order in which each comes after what it depends on."""
        left = dict(self.spec.root.dag.tasks)
        order: list[str] = []
        while left:
            ready = [n for n, task in left.items() if set(task.dependent_tasks) <= set(order)]
            assert ready, f"a circle: {sorted(left)}"
            order += sorted(ready)
            for name in ready:
                del left[name]
        return order

    def run(self, run_id: str, name: str) -> str:
        """Runs a task or takes it from the cache; returns how."""
        task = self.spec.root.dag.tasks[name]
        component = self.spec.components[task.component_ref.name]
        given = self.executor_input(run_id, name)
        key = self._key(name, given)
        if task.caching_options.enable_cache and key in self.known:
            outputs = json_format.Parse(self.known[key], pb.ExecutorOutput())
            self.made[name] = {
                key: found.artifacts[0]
                for key, found in outputs.artifacts.items()
                if found.artifacts
            }
            return "cache"
        command, environment = self.command(name, given)
        self._fetch(given)
        log = self.folder / "logs" / run_id / f"{name}.log"
        log.parent.mkdir(parents=True, exist_ok=True)
        start = _forked if self.fork else _started
        code = start(command, environment, log)
        if code:
            raise SystemExit(
                f"{name} ended with {code}; {log} ends with:\n{log.read_text()[-3000:]}"
            )
        self.publish(name, component, given, key)
        return "ran"

    def command(self, name: str, given: pb.ExecutorInput) -> tuple[list[str], dict[str, str]]:
        """The container's command line and environment, with the placeholder filled in."""
        task = self.spec.root.dag.tasks[name]
        label = self.spec.components[task.component_ref.name].executor_label
        container = self.deployment.executors[label].container
        text = json_format.MessageToJson(given)
        words = [text if word == PLACEHOLDER else word for word in container.args]
        left = [word for word in words if "{{" in word and word != text and "$" in word]
        assert not left, f"a placeholder that is not known: {left}"
        command = [sys.executable if w == "python" else w for w in container.command] + words
        if "vertex_trainer" in " ".join(words):
            command = [sys.executable, __file__, "--job-here", *words]
        environment = {
            **{k: os.environ[k] for k in ("PATH", "HOME", "TMPDIR") if k in os.environ},
            "PYTHONPATH": str(ROOT),  # the image has the package installed
            "TF_CPP_MIN_LOG_LEVEL": "3",
            "ARTIFACT_LOCAL_PATH": str(self.folder / "launcher"),
        }
        return command, environment

    def executor_input(self, run_id: str, name: str) -> pb.ExecutorInput:
        task = self.spec.root.dag.tasks[name]
        component = self.spec.components[task.component_ref.name]
        given = pb.ExecutorInput()
        for key, value in task.inputs.parameters.items():
            given.inputs.parameter_values[key].CopyFrom(value.runtime_value.constant)
        for key, source in task.inputs.artifacts.items():
            produced = self.made[source.task_output_artifact.producer_task]
            found = produced[source.task_output_artifact.output_artifact_key]
            given.inputs.artifacts[key].artifacts.add().CopyFrom(found)
        base = f"{self.root}/{run_id}/{name}"
        for key, wanted in component.output_definitions.artifacts.items():
            artifact = given.outputs.artifacts[key].artifacts.add()
            artifact.uri = f"{base}/{key}"
            artifact.name = f"projects/1/metadataStores/default/artifacts/{run_id}-{name}-{key}"
            artifact.type.CopyFrom(wanted.artifact_type)
        given.outputs.output_file = f"{base}/executor_output.json"
        if not self.is_vertex:
            given.outputs.output_file = f"{self.folder}/kfp_outputs/{run_id}-{name}/output.json"
        return given

    def _key(self, name: str, given: pb.ExecutorInput) -> str:
        """What the platforms' caches compare: the task, its parameters, and which artifacts it gets."""
        parts = {
            "task": name,
            "container": json_format.MessageToDict(self.deployment)["executors"].get(
                self.spec.components[
                    self.spec.root.dag.tasks[name].component_ref.name
                ].executor_label
            ),
            "parameters": {k: str(v) for k, v in sorted(given.inputs.parameter_values.items())},
            "artifacts": {
                k: [a.name for a in v.artifacts] for k, v in sorted(given.inputs.artifacts.items())
            },
        }
        return hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()

    def _fetch(self, given: pb.ExecutorInput) -> None:
        """What Kubeflow's launcher does before a container: copies of the inputs, and folders for the outputs."""
        if self.is_vertex:
            return
        for found in given.inputs.artifacts.values():
            for artifact in found.artifacts:
                if self._stored(artifact.uri).exists():
                    shutil.copytree(
                        self._stored(artifact.uri), self._copy(artifact.uri), dirs_exist_ok=True
                    )
        for found in given.outputs.artifacts.values():
            for artifact in found.artifacts:
                self._copy(artifact.uri).parent.mkdir(parents=True, exist_ok=True)

    def publish(
        self, name: str, component: pb.ComponentSpec, given: pb.ExecutorInput, key: str
    ) -> None:
        path = given.outputs.output_file.removeprefix("file://")
        outputs = json_format.Parse(Path(path).read_text(), pb.ExecutorOutput())
        self.made[name] = {}
        for output, wanted in component.output_definitions.artifacts.items():
            artifact = pb.RuntimeArtifact()
            artifact.CopyFrom(given.outputs.artifacts[output].artifacts[0])
            told = outputs.artifacts[output].artifacts[0]
            assert told.name == artifact.name and told.uri == artifact.uri, (name, told)
            artifact.metadata.CopyFrom(told.metadata)
            artifact.type.CopyFrom(wanted.artifact_type)
            outputs.artifacts[output].artifacts[0].CopyFrom(artifact)
            self.made[name][output] = artifact
        if not self.is_vertex:
            for found in given.outputs.artifacts.values():
                for artifact in found.artifacts:
                    shutil.copytree(self._copy(artifact.uri), self._stored(artifact.uri))
            shutil.rmtree(self.folder / "launcher")  # the pod is gone
        self.known[key] = json_format.MessageToJson(outputs)
        self.state.write_text(json.dumps(self.known))

    def _copy(self, uri: str) -> Path:
        return self.folder / "launcher" / uri.replace("://", "/")

    def _stored(self, uri: str) -> Path:
        return self.folder / "store" / uri.replace("://", "/")


def _started(command: list[str], environment: dict[str, str], log: Path) -> int:
    with log.open("w") as file:
        return subprocess.run(
            command, cwd=log.parent, env=environment, stdout=file, stderr=file, check=False
        ).returncode


def _forked(command: list[str], environment: dict[str, str], log: Path) -> int:
    """The same with what this process has imported, in a child of its own."""
    from perceiver_keras.pipeline import container

    child = os.fork()
    if child:
        return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    code = 70
    try:
        with log.open("w") as file:
            os.dup2(file.fileno(), 1)
            os.dup2(file.fileno(), 2)
        os.environ.clear()
        os.environ.update(environment)
        os.chdir(log.parent)
        here = command[1] == __file__
        code = job_here(command[3:]) if here else container.main(command[3:])
    except BaseException:
        traceback.print_exc()
    finally:
        os._exit(code)


def job_here(arguments: list[str]) -> int:
    """The pipeline's task that starts a custom job: as in the container, but that the job runs on this machine."""
    from google.cloud.aiplatform_v1.types import custom_job
    from google.cloud.aiplatform_v1.types.job_state import JobState
    from tfx.extensions.google_cloud_ai_platform import training_clients

    class Here(training_clients.VertexJobClient):
        def create_client(self) -> None:
            """There is none."""

        def launch_job(self, project: str, training_job: dict[str, Any]) -> None:
            job = custom_job.CustomJob(training_job)  # raises for what the service does not know
            print(json.dumps(custom_job.CustomJob.to_dict(job))[:400], flush=True)
            self._state = (
                JobState.JOB_STATE_SUCCEEDED if _workers(job) else JobState.JOB_STATE_FAILED
            )

        def get_job(self) -> Any:
            return custom_job.CustomJob(state=self._state)

    training_clients.VertexJobClient = Here
    from perceiver_keras.pipeline import container

    return container.main(arguments)


def _workers(job: Any) -> bool:
    """Runs the job's workers with the `TF_CONFIG` that Vertex AI gives them; whether all succeeded."""
    sizes = [pool.replica_count for pool in job.job_spec.worker_pool_specs]
    addresses = iter(f"127.0.0.1:{port}" for port in _free_ports(sum(sizes)))
    jobs = ("chief", "worker")
    cluster = {
        kind: [next(addresses) for _ in range(size)]
        for kind, size in zip(jobs, sizes, strict=False)
    }
    running = []
    for kind, pool in zip(jobs, job.job_spec.worker_pool_specs, strict=False):
        for index in range(pool.replica_count):
            environment = dict(os.environ)
            if sum(sizes) > 1:
                task = {"type": kind, "index": index}
                environment["TF_CONFIG"] = json.dumps({"cluster": cluster, "task": task})
            command = [sys.executable if w == "python" else w for w in pool.container_spec.command]
            running.append(subprocess.Popen(command, env=environment))
    return [process.wait() for process in running] == [0] * len(running)


def _free_ports(count: int) -> list[int]:
    sockets = [socket.socket() for _ in range(count)]
    for found in sockets:
        found.bind(("127.0.0.1", 0))
    ports = [found.getsockname()[1] for found in sockets]
    for found in sockets:
        found.close()
    return ports


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("file", type=Path)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--runs", type=int, default=1)
    parser.add_argument("--fork", action="store_true", help="import TFX once")
    known = parser.parse_args()
    if known.fork:
        sys.path.insert(0, str(ROOT))
        import perceiver_keras.pipeline.compiled  # noqa: F401
        import perceiver_keras.pipeline.container  # noqa: F401
    launcher = Launcher(known.file, known.folder.resolve(), known.fork)
    for _ in range(known.runs):
        run_id = f"run-{len(list((launcher.folder / 'logs').glob('*'))) + 1}"
        for name in launcher.tasks:
            start = time.monotonic()
            how = launcher.run(run_id, name)
            print(f"{run_id} {name:20} {how} {time.monotonic() - start:6.1f} s", flush=True)


if __name__ == "__main__":
    if sys.argv[1:2] == ["--job-here"]:
        sys.exit(job_here(sys.argv[2:]))
    main()
