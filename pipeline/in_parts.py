"""One run in parts, each a process of its own that an engine such as Airflow starts: begin, each component, finish.

The rules are those of `local_runner`: one run at a time per folder, a killed component goes on where it was, the same
metadata and the same run.json. `begin` compiles the graph once, so that all parts of a run have the same one, whatever
happens to data and settings meanwhile. No part tries anything twice: that is the engine's business.
"""

from __future__ import annotations

import contextlib
import dataclasses
import json
from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import portalocker
from tfx.dsl.compiler.compiler import Compiler
from tfx.proto.orchestration import pipeline_pb2

from perceiver_keras.config_tree import from_dict
from perceiver_keras.errors import PerceiverError, UsageError
from perceiver_keras.files import read_json, write_json, write_whole
from perceiver_keras.pipeline import interrupted_push, local_runner
from perceiver_keras.pipeline.code import CHECKS, code_fingerprint
from perceiver_keras.pipeline.dag_runner import (
    ComponentFailed,
    ResumableDagRunner,
    clear_unfinished,
)
from perceiver_keras.pipeline.local_runner import PARTS, RunResult
from perceiver_keras.pipeline.run_folder import MARKER, logs_to, only_one_run
from perceiver_keras.pipeline.settings import PipelineSettings, digest
from perceiver_keras.pipeline.store import connection, open_store

GRAPH = "parts/pipeline.pb"
BEGIN_AGAIN = "start a new run"
# What these say of the data and the thresholds, they say again of the same data.
JUDGES_OF_DATA = ("ExampleValidator", "TrivialGuess")

Echo = Callable[[str], None]


class Final(PerceiverError):
    """Trying the same again can't help: data, settings or code must change first."""


@dataclass(frozen=True, kw_only=True)
class Request:
    """What to run, as JSON can hold it; see `PipelineSettings.create`. `layers` are [where it comes from, settings]."""

    task: str
    run_dir: str
    preset: str = "tiny"
    layers: tuple[tuple[str, Mapping[str, Any]], ...] = ()
    overrides: tuple[str, ...] = ()
    rebaseline: bool = False
    metadata_uri: str | None = None
    beam_args: tuple[str, ...] = ()
    cache: bool = True

    @classmethod
    def read(cls, values: Mapping[str, Any]) -> Request:
        """From `to_json`, whose lists become tuples."""
        lists = {name: tuple(value) for name, value in values.items() if isinstance(value, list)}
        return cls(**{**values, **lists})

    def to_json(self) -> dict[str, Any]:
        return json.loads(json.dumps(dataclasses.asdict(self)))

    def settings(self) -> PipelineSettings:
        return PipelineSettings.create(
            self.task,
            preset=self.preset,
            layers=self.layers,
            overrides=self.overrides,
            run_dir=self.run_dir,
            rebaseline=self.rebaseline,
            metadata_uri=self.metadata_uri,
            beam_args=self.beam_args,
            cache=self.cache,
        )


def graph_of(pipeline: pipeline_pb2.Pipeline) -> dict[str, list[str]]:
    """{component: those that it waits for}, in an order in which they can run."""
    nodes = [node.pipeline_node for node in pipeline.nodes]
    return {node.node_info.id: sorted(node.upstream_nodes) for node in nodes}


def begin(request: Request, engine_run: str, components: Collection[str], echo: Echo) -> None:
    """Compiles the graph of this run, and makes it the folder's run.

    Args:
      request: What to run.
      engine_run: The run's name in the engine; the same again is the same run, if it was stopped.
      components: Those that the engine will start.
      echo: Where to say what happens.

    Raises:
      UsageError: settings and data do not fit, or the graph has other components.
      PerceiverError: another run uses the folder.
    """
    settings = local_runner.writable(request.settings())
    with only_one_run(settings.run_dir), logs_to(settings.folder("run.log"), also_before=True):
        settings, pipeline, run_id = local_runner.begin(settings, echo, engine_run)
        compiled = Compiler().compile(pipeline)
        differing = sorted(graph_of(compiled).keys() ^ set(components))
        if differing:
            settings.folder(MARKER).unlink(missing_ok=True)
            raise UsageError(
                f"The graph of {engine_run} was compiled with other settings or by another version: "
                f"{', '.join(differing)} is not in both. Compile it again."
            )
        _set_metadata(compiled, None)
        settings.folder("parts").mkdir(exist_ok=True)
        write_whole(settings.folder(GRAPH), compiled.SerializeToString())
        about = {"engine_run": engine_run, "run_id": run_id, "code": _code(settings.task_name)}
        write_json(settings.folder(PARTS), about)
        echo(f"Run {run_id} has begun in {settings.run_dir}.")


def run_component(request: Request, engine_run: str, name: str, echo: Echo) -> None:
    """Runs one component, or takes its result from the cache; does nothing if it has finished in this run.

    If it is still at work in another process, as when the engine has lost sight of it, this waits for its end.

    Raises:
      Final: it has failed, and would again.
      PerceiverError: it has failed.
    """
    settings = _begun(request)
    with (
        only_one_run(settings.run_dir, shared=True),
        logs_to(settings.folder("run.log"), also_before=True),
        _alone(settings, name, echo),
    ):
        run_id, pipeline = _read(settings, engine_run)
        if name == interrupted_push.PUSHER:
            store = open_store(settings.run_dir, settings.metadata_uri, write=True)
            interrupted_push.finish(settings.run_dir, store)
        clear_unfinished(
            _connection(settings), run_id, settings.folder("artifacts"), cancel=False, only=name
        )
        runner = ResumableDagRunner(run_id, echo, only=name)
        try:
            runner.run_with_ir(pipeline)
        except ComponentFailed as failure:
            error = local_runner.in_words(failure, settings, runner)
            raise (Final(str(error)) if _is_final(failure) else error) from failure.__cause__


def finish(request: Request, engine_run: str, echo: Echo) -> RunResult:
    """Writes run.json and the report, as `local_runner.run` does."""
    settings = _begun(request)
    with only_one_run(settings.run_dir), logs_to(settings.folder("run.log"), also_before=True):
        run_id, pipeline = _read(settings, engine_run)
        runner = ResumableDagRunner(run_id, echo)
        runner.run_with_ir(pipeline)  # all are done: it only looks at them
        return local_runner.finish(settings, runner)


def _begun(request: Request) -> PipelineSettings:
    """The settings with the numbers that `begin` chose."""
    settings = request.settings()
    path = settings.folder("config.json")
    if not path.is_file():
        raise Final(f"No run has begun in {settings.run_dir}; start the run from its beginning.")
    config = from_dict(settings.task.config_class, read_json(path, BEGIN_AGAIN))
    return dataclasses.replace(settings, config=config)


def _read(settings: PipelineSettings, engine_run: str) -> tuple[str, pipeline_pb2.Pipeline]:
    """(the run's id, the graph) of this run, with the folder's lock held."""
    path = settings.folder(PARTS)
    about = {"engine_run": "another run"}
    if path.is_file():
        about = read_json(path, BEGIN_AGAIN, "engine_run", "run_id", "code")
    if about["engine_run"] != engine_run:
        raise Final(
            f"{settings.run_dir} belongs to {about['engine_run']} now, and {engine_run} can't go on in it. "
            "Start a new run; give each schedule a --run-dir of its own."
        )
    if about["code"] != _code(settings.task_name):
        raise Final(
            f"The code has changed since {engine_run} began; start a new run, which takes what is unchanged "
            "from the cache."
        )
    pipeline = pipeline_pb2.Pipeline.FromString(settings.folder(GRAPH).read_bytes())
    _set_metadata(pipeline, settings)
    return about["run_id"], pipeline


@contextlib.contextmanager
def _alone(settings: PipelineSettings, name: str, echo: Echo) -> Iterator[None]:
    """Holds the lock of one component of the folder, and waits for it."""
    with Path(settings.folder("parts"), f"{name}.lock").open("a+") as file:
        try:
            portalocker.lock(file, portalocker.LOCK_EX | portalocker.LOCK_NB)
        except portalocker.LockException:
            echo(f"{name} is still at work in another process: waiting for its end.")
            portalocker.lock(file, portalocker.LOCK_EX)
        yield


def _set_metadata(pipeline: pipeline_pb2.Pipeline, settings: PipelineSettings | None) -> None:
    """Writes into the graph how to connect to the store, or takes it out: a file must not hold a password."""
    deployment = pipeline_pb2.IntermediateDeploymentConfig()
    pipeline.deployment_config.Unpack(deployment)
    deployment.ClearField("metadata_connection_config")
    if settings is not None:
        deployment.metadata_connection_config.Pack(_connection(settings))
    pipeline.deployment_config.Pack(deployment)


def _connection(settings: PipelineSettings) -> Any:
    return connection(settings.run_dir, settings.metadata_uri, create=True)


def _code(task: str) -> str:
    return digest(code_fingerprint(task), code_fingerprint(task, CHECKS))


def _is_final(failure: ComponentFailed) -> bool:
    cause: BaseException | None = failure.__cause__
    while cause is not None:
        if isinstance(cause, UsageError):
            return True
        if isinstance(cause, PerceiverError) and failure.component in JUDGES_OF_DATA:
            return True
        cause = cause.__cause__ or cause.__context__
    return False
