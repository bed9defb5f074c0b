"""Which components a run would execute, and which would come from the cache: TFX's own check on a copy of the store."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Literal

from tfx.dsl.compiler import compiler
from tfx.orchestration import metadata
from tfx.orchestration.local import runner_utils
from tfx.orchestration.portable import launcher, outputs_utils, runtime_parameter_utils
from tfx.proto.orchestration import pipeline_pb2

from perceiver_keras.pipeline.pipeline import create_pipeline
from perceiver_keras.pipeline.run_folder import stopped_run
from perceiver_keras.pipeline.settings import PipelineSettings
from perceiver_keras.pipeline.store import FILE, connection, is_new, open_store
from perceiver_keras.pipeline.versions import follow_move

State = Literal["runs", "cached", "unknown"]
RUN_ID = "dry-run"


class _NoFolders(outputs_utils.OutputsResolver):
    """Names outputs as TFX does, and makes no folder for them."""

    def make_tmp_dir(self, execution_id: int) -> str:
        return ""

    def get_stateful_working_directory(self, execution: object) -> str:
        return ""

    def get_executor_output_uri(self, execution_id: int) -> str:
        return ""

    def get_driver_output_uri(self) -> str:
        return ""


class _Preparer(launcher.Launcher):
    """Resolves a component's inputs and asks the cache, and stops there."""

    def cached(self) -> bool:
        if self._system_node_handler:  # a resolver: it only reads the store
            self.launch()
            return True
        self._output_resolver = _NoFolders(
            self._pipeline_node, self._pipeline_info, self._pipeline_runtime_spec
        )
        return not self._prepare_execution().is_execution_needed


def forecast(settings: PipelineSettings) -> dict[str, State]:
    """{component: "runs", "cached" or, if the store is not a file, "unknown"}, in the order of the pipeline.

    A component runs if its inputs, parameters or code have changed, or if one that it depends on runs. The baseline,
    which is only looked up, counts as cached if the model does. The run folder is only read.

    Raises:
      UsageError, PerceiverError: as `create_pipeline`, `is_new` and `open_store`.
    """
    pipeline = create_pipeline(settings)
    if settings.metadata_uri is not None:
        return {component.id: "unknown" for component in pipeline.components}
    with tempfile.TemporaryDirectory() as folder:
        pipeline.metadata_connection_config = connection(Path(folder), create=True)
        if not is_new(settings.run_dir):
            open_store(settings.run_dir)  # an error names this file, not the copy
            shutil.copyfile(settings.folder(FILE), Path(folder) / FILE)
            follow_move(open_store(Path(folder), write=True), settings.run_dir)
        found = compiler.Compiler().compile(pipeline)
        runtime_parameter_utils.substitute_runtime_parameter(found, {"pipeline-run-id": RUN_ID})
        return dict(_states(found, pipeline.metadata_connection_config))


def resumes(settings: PipelineSettings) -> bool:
    """Whether the run folder holds a run that was stopped, which the next run resumes if it is the same."""
    return stopped_run(settings.run_dir) is not None


def _producers(node: pipeline_pb2.PipelineNode) -> set[str]:
    """The components whose outputs a node reads; others it only waits for."""
    return {
        channel.producer_node_query.id
        for one in node.inputs.inputs.values()
        for channel in one.channels
    }


def _states(pipeline: pipeline_pb2.Pipeline, connection: object) -> Iterator[tuple[str, State]]:
    deployment = runner_utils.extract_local_deployment_config(pipeline)
    running: set[str] = set()
    for node in (item.pipeline_node for item in pipeline.nodes):
        name = node.node_info.id
        if running & _producers(node):
            running.add(name)
        else:
            prepared = _Preparer(
                pipeline_node=node,
                mlmd_connection=metadata.Metadata(connection),
                pipeline_info=pipeline.pipeline_info,
                pipeline_runtime_spec=pipeline.runtime_spec,
                executor_spec=runner_utils.extract_executor_spec(deployment, name),
                custom_driver_spec=runner_utils.extract_custom_driver_spec(deployment, name),
            )
            if not prepared.cached():
                running.add(name)
        yield name, "runs" if name in running else "cached"
