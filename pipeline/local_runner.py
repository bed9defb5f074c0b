"""Runs the pipeline on this machine: one run at a time per folder, resumable after a kill, recorded in run.json.

This is also the file for TFX's own command line:

    tfx pipeline create --engine=local --pipeline_path=pipeline/local_runner.py
    tfx run create --engine=local --pipeline_name=image_classification

In that case the settings come from the environment: PERCEIVER_TASK, PERCEIVER_PRESET, PERCEIVER_RUN_DIR and
PERCEIVER_SET (overrides, separated by spaces).
"""

from __future__ import annotations

import json
import os
import re
import sys
import uuid
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

if __name__ == "__main__":
    # Run by path, Python searches this folder first, where `settings` or `code` is one of our files.
    above = Path(__file__).resolve().parents
    sys.path[0] = str(next(path for path in above if (path / "perceiver_keras").is_dir()))

from perceiver_keras.config_tree import to_dict
from perceiver_keras.errors import PerceiverError
from perceiver_keras.files import write_json
from perceiver_keras.pipeline import rollback
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
from perceiver_keras.pipeline.run_folder import logs_to, only_one_run
from perceiver_keras.pipeline.settings import PipelineSettings, digest
from perceiver_keras.pipeline.stopped import show_data
from perceiver_keras.pipeline.store import FILE, note_run, open_store
from perceiver_keras.pipeline.versions import follow_move
from perceiver_keras.show.report import render_run


@dataclass(frozen=True)
class RunResult:
    """`record` is the content of run.json; `exit_code` is 0 for blessed and pushed, 3 for trained but not blessed."""

    record: dict[str, Any]
    exit_code: int


def run(settings: PipelineSettings, echo: Callable[[str], None] = print) -> RunResult:
    """Runs every component or takes its result from the cache, and writes RUN_DIR/run.json.

    Raises:
      UsageError: the settings are wrong.
      PerceiverError: a component failed; the message names it, and the traceback is in the log.
    """
    settings = _writable(settings)
    with only_one_run(settings.run_dir), logs_to(settings.folder("run.log")):
        _follow_move(settings, echo)
        rollback.finish_interrupted(settings.run_dir, settings.metadata_uri)
        settings = fitted(settings, echo)
        pipeline = create_pipeline(settings)
        write_json(settings.folder("config.json"), to_dict(settings.config))
        run_id = _run_id(settings, pipeline.metadata_connection_config, echo)
        notes = {"overrides": list(settings.overrides), "versions": package_versions()}
        note_run(pipeline.metadata_connection_config, run_id, notes, settings.task_name)
        runner = ResumableDagRunner(run_id, echo)
        marker = settings.folder("unfinished.json")
        try:
            runner.run(pipeline)
        except ComponentFailed as failure:
            marker.unlink(missing_ok=True)
            raise PerceiverError(
                _explain(failure, settings) + show_data(settings, runner, failure)
            ) from failure.__cause__
        if not runner.outputs:
            # `tfx pipeline create` only reads the graph: it has replaced LocalDagRunner.run.
            marker.unlink(missing_ok=True)
            return RunResult(record={}, exit_code=0)
        record = run_record(settings, runner)
        write_json(settings.folder("run.json"), record)
        render_run(settings.run_dir, lineage(settings.run_dir, metadata=settings.metadata_uri))
        marker.unlink(missing_ok=True)
        return RunResult(record=record, exit_code=0 if record["blessed"] else 3)


def _writable(settings: PipelineSettings) -> PipelineSettings:
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


def _follow_move(settings: PipelineSettings, echo: Callable[[str], None]) -> None:
    """Finds in its new place what earlier runs left in a folder that was moved since."""
    if settings.metadata_uri is None and not settings.folder(FILE).is_file():
        return  # the first run
    found = follow_move(
        open_store(settings.run_dir, settings.metadata_uri, write=True), settings.run_dir
    )
    if found:
        echo(f"The run folder was moved: {found:,} artifacts of earlier runs are found in it.")


def _run_id(settings: PipelineSettings, connection, echo: Callable[[str], None]) -> str:
    """The id of the killed run if this is the same run again, else a new one."""
    marker = settings.folder("unfinished.json")
    same = digest(
        to_dict(settings.config), settings.rebaseline, code_fingerprint(settings.task_name)
    )
    if marker.exists():
        killed = json.loads(marker.read_text())
        resume = killed["digest"] == same
        components = clear_unfinished(
            connection, killed["run_id"], settings.folder("artifacts"), cancel=not resume
        )
        where = f" in {', '.join(components)}" if components else ""
        if resume:
            echo(f"Resuming the run that was stopped{where}.")
            return killed["run_id"]
        echo(
            f"An earlier run was stopped{where}; this one differs, so it starts from the beginning."
        )
    run_id = uuid.uuid4().hex[:12]
    write_json(marker, {"run_id": run_id, "digest": same, "pid": os.getpid()})
    return run_id


def _explain(failure: ComponentFailed, settings: PipelineSettings) -> str:
    """Our own message if a cause has one, else the most telling line and where the traceback is."""
    cause: BaseException | None = failure.__cause__
    while cause is not None:
        if isinstance(cause, PerceiverError):
            return f"{failure.component}: {cause}"
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
