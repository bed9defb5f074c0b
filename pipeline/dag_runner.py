"""TFX's local runner with our own run id, so that a killed run can resume, and a line of output per component.

TFX's own LocalDagRunner names each run after the time: a run that is started again after a kill is a new run, the
unfinished execution stays RUNNING in the store forever, and what it had written stays on the disk.
"""

from __future__ import annotations

import contextlib
import shutil
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

from ml_metadata.proto import metadata_store_pb2
from tfx.dsl.compiler import constants
from tfx.orchestration import metadata
from tfx.orchestration.local import runner_utils
from tfx.orchestration.local.local_dag_runner import LocalDagRunner
from tfx.orchestration.portable import launcher, runtime_parameter_utils
from tfx.orchestration.portable.mlmd import execution_lib
from tfx.proto.orchestration import pipeline_pb2
from tfx.types import Artifact

from perceiver_keras.components.model.facts import WITHDRAWN
from perceiver_keras.pipeline.pickling import keep_levels

Execution = metadata_store_pb2.Execution
Outputs = dict[str, dict[str, list[Artifact]]]  # component -> output -> artifacts


# Its verdict is not of its inputs alone: `perceiver rollback` marks a model that it has judged.
JUDGE = "Gate"


class ComponentFailed(Exception):
    """A component raised; the cause is chained."""

    def __init__(self, component: str):
        super().__init__(component)
        self.component = component


class ResumableDagRunner(LocalDagRunner):
    """Runs a pipeline under a given run id, or one component of it.

    Attributes:
      seconds: From start to end of each finished component, including a stop in between.
      cached: Components whose results were taken from an earlier run.
      outputs: The artifacts that each component put into the store.
    """

    def __init__(
        self,
        run_id: str,
        echo: Callable[[str], None],
        check_store: Callable[[], None] = lambda: None,
        only: str | None = None,
    ):
        """A run's components.

        Args:
          run_id: Of the run.
          echo: Where to say what happens.
          check_store: Called before each component, and raises if its results could not be kept.
          only: The one component to run, whose predecessors have finished; None: all of them.
        """
        super().__init__()
        self._run_id = run_id
        self._echo = echo
        self._check_store = check_store
        self._only = only
        self.seconds: dict[str, float] = {}
        self.cached: list[str] = []
        self.outputs: Outputs = {}

    def run_with_ir(
        self,
        pipeline: pipeline_pb2.Pipeline,
        run_options: pipeline_pb2.RunOptions | None = None,
    ) -> None:
        keep_levels()
        runtime_parameter_utils.substitute_runtime_parameter(
            pipeline, {constants.PIPELINE_RUN_ID_PARAMETER_NAME: self._run_id}
        )
        deployment = runner_utils.extract_local_deployment_config(pipeline)
        chosen = deployment.metadata_connection_config.WhichOneof("connection_config")
        connection = getattr(deployment.metadata_connection_config, chosen)
        nodes = [node.pipeline_node for node in pipeline.nodes]
        for number, node in enumerate(nodes, 1):
            name = node.node_info.id
            label = f"[{number:2}/{len(nodes)}] {name}"
            self._check_store()
            finished_before = self._done(connection, name)
            if self._only not in (None, name):
                if finished_before:
                    self._collect(connection, name)
                continue
            self._echo(f"{label} …")
            begin = time.monotonic()
            if not finished_before:
                if name == JUDGE and self._was_taken_back():
                    node.execution_options.caching_options.enable_cache = False
                try:
                    self._launch(pipeline, deployment, connection, node)
                except Exception as error:
                    raise ComponentFailed(name) from error
            self._collect(connection, name)
            if not finished_before:
                # By its execution, one that was taken up again would also have taken the time when nothing ran.
                self.seconds[name] = time.monotonic() - begin
            how = f"{self.seconds[name]:.1f} s"
            if name in self.cached:
                how = "unchanged, from the cache"
            elif finished_before:
                how = "done before the run was stopped"
            self._echo(f"{label}: {how}")

    def _collect(self, connection, name: str) -> None:
        """Notes what a finished component took and left."""
        execution = self._execution(connection, name)
        milliseconds = execution.last_update_time_since_epoch - execution.create_time_since_epoch
        self.seconds[name] = milliseconds / 1000
        if execution.last_known_state == Execution.CACHED:
            self.cached.append(name)
        with metadata.Metadata(connection) as store:
            self.outputs[name] = execution_lib.get_output_artifacts(store, execution.id)

    def _was_taken_back(self) -> bool:
        """Whether the model, which may come from the cache, was taken back since it was judged."""
        models = self.outputs.get("Trainer", {}).get("model", [])
        return any(model.get_string_custom_property(WITHDRAWN) for model in models)

    def _launch(self, pipeline, deployment, connection, node) -> None:
        name = node.node_info.id
        component = launcher.Launcher(
            pipeline_node=node,
            mlmd_connection=metadata.Metadata(connection),
            pipeline_info=pipeline.pipeline_info,
            pipeline_runtime_spec=pipeline.runtime_spec,
            executor_spec=runner_utils.extract_executor_spec(deployment, name),
            custom_driver_spec=runner_utils.extract_custom_driver_spec(deployment, name),
        )
        with temporary_files_removed():
            component.launch()

    def _execution(self, connection, name: str) -> Execution | None:
        """This run's newest execution of a component, or None."""
        with metadata.Metadata(connection) as store:
            found = [e for e in run_executions(store, self._run_id) if _component(store, e) == name]
        return max(found, key=lambda e: e.id, default=None)

    def _done(self, connection, name: str) -> bool:
        """Whether it finished before the run was killed. (TFX checks this for components, but not for resolvers.)"""
        execution = self._execution(connection, name)
        return execution is not None and execution_lib.is_execution_successful(execution)


@contextlib.contextmanager
def temporary_files_removed() -> Iterator[None]:
    """What this process leaves in the system's temporary folder is removed at the end.

    TFX leaves a copy of itself there, 16 MB, for each component that is given arguments of Beam.
    """
    before = tempfile.tempdir
    with tempfile.TemporaryDirectory(prefix="perceiver_run_", ignore_cleanup_errors=True) as folder:
        tempfile.tempdir = folder
        try:
            yield
        finally:
            tempfile.tempdir = before


def run_executions(store: metadata.Metadata, run_id: str) -> list[Execution]:
    context = store.store.get_context_by_type_and_name("pipeline_run", run_id)
    return store.store.get_executions_by_context(context.id) if context else []


def clear_unfinished(
    connection, run_id: str, artifacts: Path, *, cancel: bool, only: str | None = None
) -> list[str]:
    """Removes what a killed run left unfinished in `artifacts`; returns the names of the components that were running.

    Args:
      cancel: The run will not resume, because its configuration has changed: close its executions in the store.
      only: One component, where others of the run may be at work; None: all of them.
    """
    with metadata.Metadata(connection) as store:
        unfinished = [
            e
            for e in run_executions(store, run_id)
            if execution_lib.is_execution_active(e) and only in (None, _component(store, e))
        ]
        names = [_component(store, execution) for execution in unfinished]
        for name, execution in zip(names, unfinished, strict=True):
            for folder in (artifacts / name).glob(f"*/{execution.id}"):
                shutil.rmtree(folder, ignore_errors=True)
        if cancel and unfinished:
            for execution in unfinished:
                execution.last_known_state = Execution.CANCELED
            store.store.put_executions(unfinished)
    return names


def _component(store: metadata.Metadata, execution: Execution) -> str:
    """The name of the component; TFX names the node context PIPELINE.NODE."""
    for context in store.store.get_contexts_by_execution(execution.id):
        if context.type == "node":
            return context.name.split(".", 1)[1]
    return ""
