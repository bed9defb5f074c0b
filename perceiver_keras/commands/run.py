"""`perceiver run TASK`: the whole pipeline, then a summary and what to do next."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import click

from perceiver_keras.commands.shared import choose, dry_run, options, span
from perceiver_keras.commands.shared.device import device_option
from perceiver_keras.commands.shared.metadata import check_server, metadata_options
from perceiver_keras.commands.shared.output import answer, say, table, typed
from perceiver_keras.errors import UsageError

EXAMPLES = """\b
Examples:
  perceiver run image_classification
  perceiver run image_classification --data my_pictures/
  perceiver run image_classification --dry-run
  perceiver run image_classification --seed 7 --run-dir /big/disk/digits
  perceiver run image_classification --set train.steps=6000 --set evaluate.thresholds.accuracy=0.98
  perceiver run image_classification --config mine.yaml --set data.dataset=mnist
  perceiver run image_classification --data 'pictures/{SPAN}' --init previous
  perceiver run image_classification --beam-runner FlinkRunner --beam-arg flink_master=localhost:8081

\b
Run the same command again to resume a stopped run; components whose inputs
have not changed come from the cache. Exit codes: 0 pushed, 1 failed, 2 wrong
usage, 3 trained but not blessed, 130 interrupted.
"""


@click.command("run", epilog=EXAMPLES)
@options.task_argument
@options.config_options
@click.option(
    "--run-dir",
    type=options.LocalPath(plain=True),
    help="Folder for the whole run: metadata, artifacts, checkpoints, pushed models, report."
    "  [default: runs/TASK]",
)
@click.option(
    "--rebaseline",
    is_flag=True,
    help="Do not compare with the last blessed model; for intended changes of labels or inputs.",
)
@click.option(
    "--no-cache", is_flag=True, help="Run every component, even if an earlier run has its result."
)
@click.option(
    "--beam-runner", metavar="NAME", help="Beam's runner: DirectRunner (default), FlinkRunner, …"
)
@click.option(
    "--beam-arg",
    "beam_args",
    multiple=True,
    metavar="KEY=VALUE",
    help="An argument for Beam's runner; repeatable.",
)
@metadata_options
@device_option
@dry_run.dry_run_option
@options.common_options
def command(
    task: str,
    preset: str,
    config_files: tuple[Path, ...],
    overrides: tuple[str, ...],
    data: str | None,
    init: str | None,
    seed: int | None,
    run_dir: Path | None,
    rebaseline: bool,
    no_cache: bool,
    beam_runner: str | None,
    beam_args: tuple[str, ...],
    metadata: str | None,
    only_say: bool,
) -> int:
    """Run TASK as one TFX pipeline: data, training, gate, export, push and report.

    A model is pushed if it reaches every threshold, is not worse than the last blessed one, and
    serves in a fresh process.
    """
    if not only_say:
        check_server(metadata)
    from perceiver_keras.gate import trivial
    from perceiver_keras.pipeline import many_workers
    from perceiver_keras.tasks import registry
    from perceiver_keras.training import strategy, warm_start

    run_dir = run_dir or Path("runs") / task
    beam = beam_arguments(beam_runner, beam_args)
    data, init, overrides = span.pin(
        registry.get(task), preset, config_files, overrides, data, init, run_dir
    )
    # Find mistakes in the request before importing TFX, which takes half a minute.
    chosen = choose.choose(registry.get(task), preset, config_files, overrides, seed, data, init)
    many_workers.check(chosen.config.train)
    if not only_say:  # a dry run may be made elsewhere
        strategy.check(chosen.config.train)
    warm_start.check(registry.get(task), chosen.config, chosen.start)
    known = None
    if only_say:
        trivial.check_now(registry.get(task), chosen.config)
        known = dry_run.facts(registry.get(task), chosen, preset, overrides, seed)
        dry_run.show(known, chosen.config)
    else:
        choose.prepare(chosen)
        trivial.check_now(registry.get(task), chosen.config, prepare=True)
        say(f"Starting TFX; this run is kept in {run_dir} …")

    from perceiver_keras.pipeline.settings import PipelineSettings

    settings = PipelineSettings.create(
        task,
        preset=preset,
        layers=chosen.layers,
        overrides=overrides,
        run_dir=run_dir,
        seed=seed,
        rebaseline=rebaseline,
        metadata_uri=metadata,
        cache=not no_cache,
        **({"beam_args": beam} if beam else {}),
    )
    if known is not None:
        answer(known | {"run_dir": run_dir, "components": show_components(settings, known)})
        return 0

    from perceiver_keras.pipeline.local_runner import run

    result = run(settings, echo=say)
    record = result.record
    read_back = _read_back(record.get("pushed_model"))
    summary(record, settings.run_dir, read_back)
    answer({**record, "run_dir": settings.run_dir, "read_back": read_back})
    return result.exit_code


def show_components(settings: Any, known: dict[str, Any]) -> list[dict[str, Any]]:
    """Prints and returns what each component would do, with its seconds in the last run of the folder."""
    from perceiver_keras.components.model import facts
    from perceiver_keras.pipeline import forecast

    say("\nComponents")
    if not known["data"]["prepared"]:
        say("  all of them run, because the data set is not prepared yet")
        return []
    states = forecast.forecast(settings)
    before = facts.read(settings.folder("run.json"))  # damaged, the run writes it anew
    found = [
        {"component": name, "state": state, "last_seconds": before.get("seconds", {}).get(name)}
        for name, state in states.items()
    ]
    words = {
        "runs": "runs",
        "cached": "unchanged, from the cache",
        "unknown": "unknown: not in a file",
    }
    rows = [
        (f"  {row['component']}", words[row["state"]], _seconds(row["last_seconds"]))
        for row in found
    ]
    say(table(("  COMPONENT", "THIS TIME", "LAST TIME"), rows))
    if forecast.resumes(settings):
        say("  A run was stopped here; if it was this one, it is resumed.")
    return found


def _seconds(value: float | None) -> str:
    return "" if value is None else f"{value:.1f} s"


def beam_arguments(runner: str | None, arguments: tuple[str, ...]) -> tuple[str, ...]:
    """The arguments in Beam's own spelling; empty for the default runner.

    Raises:
      UsageError: an argument is not KEY or KEY=VALUE.
    """
    for argument in arguments:
        if not argument.strip("-") or " " in argument.split("=")[0]:
            raise UsageError(
                f"--beam-arg {argument!r} is neither KEY nor KEY=VALUE; "
                "write it as in flink_master=localhost:8081."
            )
    if not (runner or arguments):
        return ()
    first = f"--runner={runner or 'DirectRunner'}"
    return (first, *(f"--{argument.lstrip('-')}" for argument in arguments))


def _read_back(pushed: str | None) -> dict[str, Any] | None:
    """One answer of the pushed model from a fresh process, as a server would give it."""
    if pushed is None:
        return None
    child = subprocess.run(
        [sys.executable, "-m", "perceiver_keras.commands.shared.read_back", pushed],
        capture_output=True,
        text=True,
        check=False,
    )
    try:
        return json.loads(child.stdout.strip().splitlines()[-1])
    except (IndexError, ValueError):
        last = (child.stderr.strip().splitlines() or [f"exit code {child.returncode}"])[-1]
        return {"error": last}


def summary(record: dict[str, Any], run_dir: Path, read_back: dict[str, Any] | None) -> None:
    """Prints the result of the run, where everything is, and what to do next."""
    say()
    rows = [
        (name, float(value), f"{record['thresholds'].get(name, ''):}", _at(record, name))
        for name, value in sorted(
            record["metrics"].items(), key=lambda item: item[0] not in record["thresholds"]
        )
    ]
    say(table(("METRIC (TEST SPLIT)", "VALUE", "THRESHOLD", "TRIVIAL GUESS"), rows))
    say()
    if record["blessed"]:
        say("Blessed and pushed." if record["pushed_model"] else "Blessed.")
    else:
        say("Trained, but not blessed; nothing was pushed.")
        for reason in record.get("refused_because", ()):
            say(f"  {reason}")
    for check in record.get("checks", ()):
        if check["name"] == "training and serving":
            say(check["text"])
    if read_back:
        shown = json.dumps(read_back.get("answer", read_back), ensure_ascii=False)
        say(f"Read back from the pushed model in a fresh process: {shown}")
    say(f"\n  seed      {record['seed']}")
    places = [
        ("report", record["report"]),
        ("record", run_dir / "run.json"),
        ("log", run_dir / "run.log"),
    ]
    if record["pushed_model"]:
        places.insert(1, ("model", record["pushed_model"]))
    for what, place in places:
        say(f"  {what:<9} {place}")
    say("\nNext:")
    if record["pushed_model"]:
        model = record["pushed_model"]
        say(f"  {typed('perceiver', 'predict', record['task'], 'FILE', '--model', model)}")
    else:
        for step in record.get("next_steps", ()):
            say(f"  {step['words']}\n    {step['command']}")
        say("  Run again; unchanged components come from the cache.")
    say(f"  {typed('perceiver', 'report', run_dir, '--open')}")


def _at(record: dict[str, Any], name: str) -> str:
    value = (record.get("baseline") or {}).get(name)
    return "" if value is None else f"{value:.4g}"
