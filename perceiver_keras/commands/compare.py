"""`perceiver compare RUN RUN`: two models next to each other."""

from __future__ import annotations

from pathlib import Path

import click

from perceiver_keras.commands.shared.metadata import metadata_options
from perceiver_keras.commands.shared.options import LocalPath, common_options
from perceiver_keras.commands.shared.output import answer, say, table

EXAMPLES = """\b
Examples:
  perceiver compare runs/digits runs/digits_wide
  perceiver compare runs/digits/pushed/1795640090 runs/digits/pushed/1795645650
  perceiver compare runs/digits runs/digits_wide --json
"""


@click.command("compare", epilog=EXAMPLES)
@click.argument("first", type=LocalPath(), metavar="FIRST")
@click.argument("second", type=LocalPath(), metavar="SECOND")
@metadata_options
@common_options
def command(first: Path, second: Path, metadata: str | None) -> None:
    """Say what differs between two runs: settings, data, code, metrics, slices, checks, cost.

    FIRST and SECOND are run folders, whose last runs are compared, or RUN_DIR/pushed/VERSION.
    """
    from perceiver_keras.pipeline import compare
    from perceiver_keras.show import comparison

    found = compare.compare(compare.of_place(first, metadata), compare.of_place(second, metadata))
    names = [str(place) for place in (first, second)]
    for name, label, version in zip(names, ("First", "Second"), found["versions"], strict=True):
        say(f"{label + ':':<8} {name}" + (f", version {version}" if version else ", not pushed"))
    for title, head, rows in comparison.sections(found):
        say(f"\n{title}")
        say(table(head, rows))
        if title == "Metrics":
            say(comparison.on_what(found))
    answer({**found, "first": first, "second": second})
