"""Runs the pipeline on this machine: one run at a time per folder, resumable after a kill, recorded in run.json.

This is also the file for TFX's own command line:

    tfx pipeline create --engine=local --pipeline_path=pipeline/local_runner.py
    tfx run create --engine=local --pipeline_name=image_classification

In that case the settings come from the environment: PERCEIVER_TASK, PERCEIVER_PRESET, PERCEIVER_RUN_DIR and
PERCEIVER_SET (overrides, separated by spaces).
"""

from __future__ import annotations

import contextlib
import os
import re
import sys
import uuid
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

if __name__ == "__main__":
    # Run by path, Python searches this folder first, where `settings` or `code` is one of our files.
    above = Path(__file__).resolve().parents
    sys.path[0] = str(next(path for path in above if (path / "perceiver_keras").is_dir()))

from tfx.orchestration.pipeline import Pipeline

from perceiver_keras.config_tree import to_dict
from perceiver_keras.errors import PerceiverError, full_place, is_disk_full
from perceiver_keras.files import write_json
from perceiver_keras.pipeline import address, rollback, shared_store
from perceiver_keras.pipeline.batch_sizes import fitted
from perceiver_keras.pipeline.code import code_fingerprint
from perceiver_keras.pipeline.dag_runner import (
    ComponentFailed,
    ResumableDagRunner,
    clear_unfinished,
)
from perceiver_keras.pipeline.lineage import lineage
from perceiver_keras.pipeline.pipeline import create_pipeline
from perceiver_keras.pipeline.record import package_versions, run_record
from perceiver_keras.pipeline.run_folder import MARKER, logs_to, only_one_run, stopped_run
from perceiver_keras.pipeline.settings import PipelineSettings, digest
from perceiver_keras.pipeline.stopped import show_data
from perceiver_keras.pipeline.store import (
    check_server,
    is_new,
    note_run,
    open_store,
    trouble,
)
from perceiver_keras.pipeline.versions import follow_move
from perceiver_keras.show.report import render_run

PARTS = "parts/run.json"  # of a run whose parts an engine starts


@dataclass(frozen=True)
class RunResult:
    """`record` is the content of run.json; `exit_code` is 0 for blessed and pushed, 3 for trained but not blessed."""

    record: dict[str, Any]
    exit_code: int


def run(
    settings: PipelineSettings,
    echo: Callable[[str], None] = print,
    graph: Callable[[PipelineSettings], Pipeline] = create_pipeline,
) -> RunResult:
    """Runs every component or takes its result from the cache, and writes RUN_DIR/run.json.

    Args:
      settings: What to run.
      echo: Where to say what happens.
      graph: Settings -> the pipeline; one with components of your own begins with that of `create_pipeline`.

    Raises:
      UsageError: the settings are wrong.
      PerceiverError: a component failed; the message names it, and the traceback is in the log.
    """
    settings = writable(settings)
    with only_one_run(settings.run_dir), logs_to(settings.folder("run.log")):
        settings, pipeline, run_id = begin(settings, echo, graph=graph)
        runner = ResumableDagRunner(run_id, echo, lambda: check_server(settings.metadata_uri))
        marker = settings.folder(MARKER)
        with _store_in_words(settings):
            try:
                runner.run(pipeline)
            except ComponentFailed as failure:
                if settings.metadata_uri is not None and trouble(failure):
                    raise  # the run is not over: it goes on when the store is there again
                marker.unlink(missing_ok=True)
                raise in_words(failure, settings, runner) from failure.__cause__
            if not runner.outputs:
                # `tfx pipeline create` only reads the graph: it has replaced LocalDagRunner.run.
                marker.unlink(missing_ok=True)
                return RunResult(record={}, exit_code=0)
            return finish(settings, runner)


def begin(
    settings: PipelineSettings,
    echo: Callable[[str], None],
    engine_run: str | None = None,
    graph: Callable[[PipelineSettings], Pipeline] = create_pipeline,
) -> tuple[PipelineSettings, Pipeline, str]:
    """(settings with numbers for batch sizes, the graph, the run's id), with the folder's lock held.

    Args:
      settings: As they were asked for.
      echo: Where to say what happens.
      engine_run: The name of the run in the engine that starts its parts: only this one resumes it. None: this process
        runs all of them.
      graph: Settings -> the pipeline.
    """
    _find_store(settings, echo)
    with _store_in_words(settings):
        rollback.finish_interrupted(settings.run_dir, settings.metadata_uri)
        settings = fitted(settings, echo)
        pipeline = graph(settings)
        write_json(settings.folder("config.json"), to_dict(settings.config))
        run_id = _run_id(settings, pipeline.metadata_connection_config, echo, engine_run)
        notes = {"overrides": list(settings.overrides), "versions": package_versions()}
        if engine_run is not None:
            notes["engine_run"] = engine_run
        note_run(pipeline.metadata_connection_config, run_id, notes, settings.task_name)
    return settings, pipeline, run_id


def finish(settings: PipelineSettings, runner: ResumableDagRunner) -> RunResult:
    """Writes run.json and the report of a run of which `runner` has seen all components finish."""
    record = run_record(settings, runner)
    write_json(settings.folder("run.json"), record)
    render_run(settings.run_dir, lineage(settings.run_dir, metadata=settings.metadata_uri))
    settings.folder(MARKER).unlink(missing_ok=True)
    return RunResult(record=record, exit_code=0 if record["blessed"] else 3)


def in_words(
    failure: ComponentFailed, settings: PipelineSettings, runner: ResumableDagRunner
) -> PerceiverError:
    """What failed and why, and the page about the data if that was it."""
    return PerceiverError(_explain(failure, settings) + show_data(settings, runner, failure))


def writable(settings: PipelineSettings) -> PipelineSettings:
    try:
        settings.run_dir.mkdir(parents=True, exist_ok=True)
        probe = settings.folder(f".write-test-{os.getpid()}")
        probe.write_bytes(b"0" * 65536)
        probe.unlink()
    except OSError as error:
        raise PerceiverError(
            f"The run folder {settings.run_dir} can't be written ({error.strerror}); "
            "choose another with --run-dir or free some space."
        ) from error
    return settings


@contextlib.contextmanager
def _store_in_words(settings: PipelineSettings) -> Iterator[None]:
    """An error of the metadata store is a line that says whether it is there, and that the run goes on."""
    try:
        yield
    except Exception as error:
        if settings.metadata_uri is None or trouble(error) is None:
            raise
        again = "What is finished is kept; run the same command again to resume."
        try:
            check_server(settings.metadata_uri)
        except PerceiverError as reason:
            raise PerceiverError(f"{reason} {again}") from error
        place = address.read(settings.metadata_uri).place
        words = shared_store.in_words(trouble(error) or error, place)
        raise PerceiverError(f"{words} {again}") from error


def _find_store(settings: PipelineSettings, echo: Callable[[str], None]) -> None:
    """Opens the store, so that its errors come first, and finds in its new place what a moved folder holds."""
    if settings.metadata_uri is None and is_new(settings.run_dir):
        return
    store = open_store(settings.run_dir, settings.metadata_uri, write=True)
    if settings.metadata_uri is not None:
        shared_store.claim(store, settings.task_name, settings.run_dir, echo)
    found = follow_move(store, settings.run_dir)
    if found:
        echo(f"The run folder was moved: {found:,} artifacts of earlier runs are found in it.")


def _run_id(
    settings: PipelineSettings,
    connection,
    echo: Callable[[str], None],
    engine_run: str | None,
) -> str:
    """The id of the killed run if this is the same run again, else a new one."""
    marker = settings.folder(MARKER)
    same = digest(
        to_dict(settings.config),
        settings.rebaseline,
        code_fingerprint(settings.task_name),
        *filter(None, [engine_run]),
    )
    if marker.exists():
        killed, stopped_digest = stopped_run(settings.run_dir) or ("", "")
        resume = stopped_digest == same
        components = clear_unfinished(
            connection, killed, settings.folder("artifacts"), cancel=not resume
        )
        where = f" in {', '.join(components)}" if components else ""
        if resume:
            echo(f"Resuming the run that was stopped{where}.")
            return killed
        why = "this one differs" if killed else f"{marker} is damaged"
        echo(f"An earlier run was stopped{where}; {why}, so it starts from the beginning.")
    run_id = uuid.uuid4().hex[:12]
    # The parts of another run have nothing to do here now.
    settings.folder(PARTS).unlink(missing_ok=True)
    write_json(marker, {"run_id": run_id, "digest": same, "pid": os.getpid()})
    return run_id


def _explain(failure: ComponentFailed, settings: PipelineSettings) -> str:
    """Our own message if a cause has one, else the most telling line and where the traceback is."""
    cause: BaseException | None = failure.__cause__
    while cause is not None:
        if isinstance(cause, PerceiverError):
            return f"{failure.component}: {cause}"
        if is_disk_full(cause):
            return (
                f"{failure.component}: no space left on the disk for {full_place(cause) or settings.run_dir}. Free "
                "some, and run the same command again: it goes on from there."
            )
        cause = cause.__cause__ or cause.__context__
    return (
        f"{failure.component} failed: {_headline(failure.__cause__)} "
        f"The traceback is in {settings.folder('run.log')}; fix the problem and run the same command again."
    )


def _headline(error: BaseException) -> str:
    """The line that says what went wrong, which Keras and Beam bury in the middle of a long message."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    telling = [line for line in lines if re.match(r"[\w.]*(Error|Exception): ", line)]
    return (telling or [f"{type(error).__name__}: {lines[0] if lines else 'no message'}"])[-1]


def _settings_from_environment() -> PipelineSettings:
    task = os.environ.get("PERCEIVER_TASK", "image_classification")
    return PipelineSettings.create(
        task,
        preset=os.environ.get("PERCEIVER_PRESET", "tiny"),
        overrides=tuple(os.environ.get("PERCEIVER_SET", "").split()),
        run_dir=os.environ.get("PERCEIVER_RUN_DIR", str(Path("runs") / task)),
    )


def main() -> int:
    try:
        return run(_settings_from_environment()).exit_code
    except PerceiverError as error:
        print(f"Error: {error}", file=sys.stderr)
        return 1


if __name__ == "__main__":
    sys.exit(main())
