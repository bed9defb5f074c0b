"""`perceiver schema show|diff|accept RUN_DIR`: what the data of a run folder may be, and taking a change on purpose."""

from __future__ import annotations

import datetime
from pathlib import Path
from typing import Any

import click

from perceiver_keras.commands.shared.metadata import metadata_options
from perceiver_keras.commands.shared.options import LocalPath, common_options
from perceiver_keras.commands.shared.output import answer, say, table, typed

EXAMPLES = """\b
Examples:
  perceiver schema show runs/digits
  perceiver schema diff runs/digits
  perceiver schema accept runs/digits --because "eleven classes from May on"
"""
LIMITS = ("on_anomaly", "max_drift", "max_class_drift", "max_leak_share", "max_corrupt_share")

run_argument = click.argument("run_dir", type=LocalPath(), metavar="RUN_DIR")


@click.group("schema", epilog=EXAMPLES)
@common_options
def command() -> None:
    """The schema that the data of each run in RUN_DIR is held against.

    The first run whose data passes makes it; it stays until you accept another.
    """


@command.command("show", epilog=EXAMPLES)
@run_argument
@metadata_options
@common_options
def show(run_dir: Path, metadata: str | None) -> None:
    """Show the accepted schema: features, ranges, classes, since when, and the limits."""
    from perceiver_keras.pipeline import schema_store
    from perceiver_keras.pipeline.store import open_store

    found = schema_store.accepted(open_store(run_dir, metadata), run_dir)
    limits = _limits(run_dir)
    if found is None:
        say(f"{run_dir} has no accepted schema yet: the first run whose data passes makes it.")
    else:
        say(_since(found))
        say()
        say(_features(found.as_json()["features"]))
    if limits:
        say()
        say("\n".join(f"data.{name} = {value}" for name, value in limits.items()))
    answer({"run_dir": run_dir, "accepted": found and found.as_json(), "limits": limits})


@command.command("diff", epilog=EXAMPLES)
@run_argument
@metadata_options
@common_options
def diff(run_dir: Path, metadata: str | None) -> None:
    """Show what the data of the last run would change, also if it stopped that run."""
    from perceiver_keras.pipeline import schema_store
    from perceiver_keras.pipeline.store import open_store

    store = open_store(run_dir, metadata)
    old, new = schema_store.accepted(store, run_dir), schema_store.proposal(store, run_dir)
    rows = [] if schema_store.same(old, new) else schema_store.difference(old, new)
    told = schema_store.anomalies(run_dir)
    if old is None:
        say(f"{run_dir} has no accepted schema yet. The last run's data would make this one:")
        say()
        say(_features(new.as_json()["features"]))
    elif schema_store.same(old, new):
        say("The data of the last run is that of the accepted schema.")
    else:
        say(_since(old))
        say("The data of the last run would change" + (":" if rows else " nothing in it."))
        for row in rows:
            say(f"  {row['text']}")
    stopping = [anomaly for anomaly in told if anomaly["stops"]]
    if stopping:
        say("\nIts anomalies:")
        for anomaly in stopping:
            say(f"  {anomaly['text']}")
    if not schema_store.same(old, new):
        why = "To take this change" if rows or stopping else "To hold later runs against this data"
        accept = typed("perceiver", "schema", "accept", run_dir, "--because", "TEXT")
        say(f"\n{why}:\n  {accept}")
    answer(
        {
            "run_dir": run_dir,
            "accepted": old and old.as_json(),
            "proposed": new.as_json(),
            "same": schema_store.same(old, new),
            "differences": rows,
            "anomalies": told,
        }
    )


@command.command("accept", epilog=EXAMPLES)
@run_argument
@click.option("--because", metavar="TEXT", help="The reason, which the metadata store keeps.")
@metadata_options
@common_options
def accept(run_dir: Path, because: str | None, metadata: str | None) -> None:
    """Take the data of the last run as what later runs are held against.

    It covers all anomalies but leaks, which data.max_leak_share limits.
    """
    from perceiver_keras.pipeline import schema_store

    told = schema_store.accept(run_dir, because, metadata)
    if not told["changed"]:
        say("Nothing to accept: the data of the last run is that of the accepted schema.")
    else:
        say(f"Accepted, because: {told['because']}")
        for row in told["differences"]:
            say(f"  {row['text']}")
        say(f"\nNext:\n  the same `perceiver run` again, with {typed('--run-dir', run_dir)}")
    answer({"run_dir": run_dir, **told})


def _since(found: Any) -> str:
    """Since when it is accepted, and of which run's data."""
    made = _time(found.made)
    if found.because is None:
        return f"Accepted since {made}: the data of run {found.run} was the first that passed."
    return f"Accepted by hand since {_time(found.at)} ({found.because}): the data of run {found.run}, {made}."


def _features(rows: list[dict[str, Any]]) -> str:
    cells = [
        (row["feature"], row["type"], "always" if row["required"] else "sometimes", row["allowed"])
        for row in rows
    ]
    return table(("FEATURE", "TYPE", "THERE", "ALLOWED"), cells)


def _limits(run_dir: Path) -> dict[str, Any]:
    """The settings of the last run that limit its data; {} if it kept none."""
    from perceiver_keras.files import read_json

    path = run_dir / "config.json"
    again = "the same `perceiver run` again writes it"
    data = read_json(path, again, "data")["data"] if path.is_file() else {}
    return {name: data[name] for name in LIMITS if name in data}


def _time(milliseconds: int) -> str:
    return datetime.datetime.fromtimestamp(milliseconds / 1000).strftime("%Y-%m-%d %H:%M:%S")
