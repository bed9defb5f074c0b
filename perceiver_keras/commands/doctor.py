"""`perceiver doctor`: versions and devices, what is missing or broken and what to do about it."""

from __future__ import annotations

from pathlib import Path

import click

from perceiver_keras.commands.shared import checks
from perceiver_keras.commands.shared.options import LocalPath, common_options
from perceiver_keras.commands.shared.output import answer, say

MARKS = {"ok": "ok     ", "note": "note   ", "missing": "MISSING", "broken": "BROKEN "}


@click.command(
    "doctor", epilog="\b\nExamples:\n  perceiver doctor\n  perceiver doctor --run-dir /big/disk"
)
@click.option(
    "--run-dir",
    type=LocalPath(),
    default=Path("runs"),
    show_default=True,
    help="Where runs will go.",
)
@click.option("--data-dir", type=LocalPath(), help="Where TFDS keeps its data sets.")
@common_options
def command(run_dir: Path, data_dir: Path | None) -> int:
    """Import every library, and check versions, devices, disk and data: what is wrong, and the command for it.

    The exit code is 1 if something necessary is missing, or something installed is broken.
    """
    findings = []
    for finding in checks.examine(run_dir, data_dir):
        findings.append(finding)
        advice = f"\n{'':28}→ {finding.advice}" if finding.advice else ""
        say(f"{MARKS[finding.state]} {finding.what:<20}{finding.seen}{advice}")
    wrong = {
        word: [finding.what for finding in findings if finding.state == word]
        for word in ("missing", "broken")
    }
    told = [f"{word.capitalize()}: {', '.join(names)}." for word, names in wrong.items() if names]
    say("\n" + (" ".join(told) or "Nothing necessary is missing, and all libraries import."))
    answer({"ok": not told, "findings": [finding._asdict() for finding in findings]})
    return int(bool(told))
