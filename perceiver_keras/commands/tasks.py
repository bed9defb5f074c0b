"""`perceiver tasks`: the registry."""

from __future__ import annotations

import click

from perceiver_keras.commands.shared.options import common_options
from perceiver_keras.commands.shared.output import answer, say, table
from perceiver_keras.tasks import registry


@click.command("tasks", epilog="\b\nExample:\n  perceiver tasks")
@common_options
def command() -> None:
    """List the tasks, one per line. Their names may be spelled with `_` or `-`."""
    say(table(("TASK", "CLASS", "WHAT"), registry.ROWS))
    answer({"tasks": [row._asdict() for row in registry.ROWS]})
