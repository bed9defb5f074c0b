"""`perceiver report RUN_DIR`: the result of a finished run, and its report rendered again."""

from __future__ import annotations

import webbrowser
from pathlib import Path
from typing import Any

import click

from perceiver_keras.commands.shared.options import LocalPath, common_options
from perceiver_keras.commands.shared.output import answer, say
from perceiver_keras.errors import PerceiverError

EXAMPLES = """\b
Examples:
  perceiver report runs/digits
  perceiver report runs/digits --open
"""


@click.command("report", epilog=EXAMPLES)
@click.argument("run_dir", type=LocalPath(), metavar="RUN_DIR")
@click.option("--open", "open_it", is_flag=True, help="Open the report in the browser.")
@common_options
def command(run_dir: Path, open_it: bool) -> None:
    """Show the result of a run, and render its report.html again from the files in RUN_DIR."""
    from perceiver_keras.show import report
    from perceiver_keras.show.formats import number

    page = report.render_run(run_dir, _lineage(run_dir))
    run = report.read_run(run_dir)
    verdict = "blessed" if run["blessed"] else "trained, but not blessed"
    metrics = ", ".join(f"{name} {number(v)}" for name, v in sorted(run["metrics"].items()))
    say(f"{run['task']} ({run['preset']}, seed {run['seed']}): {verdict}; {metrics}")
    for reason in run.get("refused_because", ()):
        say(f"  {reason}")
    say(f"  pushed    {run['pushed_model'] or 'nothing'}")
    if again := run.get("rollback"):
        say(f"  rollback  from {again['from']} to {again['of']} again: {again['because']}")
    say(f"  report    {page}")
    if open_it:
        webbrowser.open(page.resolve().as_uri())
    keys = ("task", "preset", "seed", "blessed", "metrics", "pushed_model", "refused_because")
    answer({"report": page, **{key: run.get(key) for key in keys}})


def _lineage(run_dir: Path) -> Any:
    """Of the run's model; None if the folder does not have the metadata store."""
    from perceiver_keras.pipeline.lineage import lineage

    try:
        return lineage(run_dir)
    except PerceiverError:
        return None
