"""`perceiver doctor`: versions and devices, what is missing and how to get it."""

from __future__ import annotations

from pathlib import Path

import click

from perceiver_keras.commands.shared import checks
from perceiver_keras.commands.shared.options import common_options
from perceiver_keras.commands.shared.output import answer, say

MARKS = {"ok": "ok     ", "note": "note   ", "missing": "MISSING"}


@click.command(
    "doctor", epilog="\b\nExamples:\n  perceiver doctor\n  perceiver doctor --run-dir /big/disk"
)
@click.option(
    "--run-dir",
    type=click.Path(path_type=Path),
    default=Path("runs"),
    show_default=True,
    help="Where runs will go.",
)
@click.option("--data-dir", type=click.Path(path_type=Path), help="Where TFDS keeps its data sets.")
@common_options
def command(run_dir: Path, data_dir: Path | None) -> int:
    """Check versions, devices, disk and data: what is missing, and how to get it.

    The exit code is 1 if something necessary is missing.
    """
    findings = []
    for finding in checks.examine(run_dir, data_dir):
        findings.append(finding)
        advice = f"\n{'':28}→ {finding.advice}" if finding.advice else ""
        say(f"{MARKS[finding.state]} {finding.what:<20}{finding.seen}{advice}")
    missing = [finding.what for finding in findings if finding.state == "missing"]
    say(f"\nMissing: {', '.join(missing)}." if missing else "\nNothing necessary is missing.")
    answer({"ok": not missing, "findings": [finding._asdict() for finding in findings]})
    return int(bool(missing))
