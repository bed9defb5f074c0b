"""`perceiver benchmark`: speed and memory of this project, measured next to its peers."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from perceiver_keras.commands.shared.options import LocalPath, common_options
from perceiver_keras.commands.shared.output import answer, say, table
from perceiver_keras.errors import PerceiverError

EXAMPLES = """\b
Examples:
  perceiver benchmark --list
  perceiver benchmark --install models/mlm
  perceiver benchmark 'models/*/forward/*' start -o benchmarks/results/my_machine
  perceiver benchmark models/flow --peer xla
  perceiver benchmark --quick -o quick

\b
NAME is a group, the beginning of a case's name up to a slash, or a pattern.
Results are kept after each case: what is measured again replaces its old
numbers, the other cases of the folder stay. docs/benchmarks.md says how to
read them.
"""


@click.command("benchmark", epilog=EXAMPLES)
@click.argument("names", nargs=-1, metavar="[NAME…]")
@click.option(
    "--peer",
    "peer_words",
    multiple=True,
    metavar="PEER[=FOLDER]",
    default=("huggingface",),
    show_default=True,
    help="Who is measured next to ours (repeatable), with a checkout of its code where it needs one.",
)
@click.option(
    "--install", is_flag=True, help="Make the peers' environments first, if they are missing."
)
@click.option("--quick", is_flag=True, help="Tiny models, two calls: whether everything runs.")
@click.option(
    "--list", "only_list", is_flag=True, help="List the cases and peers, and measure nothing."
)
@click.option(
    "-o",
    "--out",
    type=LocalPath(file_okay=False),
    default=Path("benchmarks/results"),
    show_default=True,
    metavar="FOLDER",
    help="Where results.json, results.md and the plots go.",
)
@common_options
def command(
    names: tuple[str, ...],
    peer_words: tuple[str, ...],
    install: bool,
    quick: bool,
    only_list: bool,
    out: Path,
) -> int:
    """Measure seconds and memory of ours and of its peers, call by call in turn; all cases without NAME.

    A peer that is not installed is left out, with a word. The exit code is 1 if a side failed in a case.
    """
    from perceiver_keras.benchmarks import cases, peers

    chosen = cases.choose(cases.all_cases(quick), names)
    if only_list:
        _list(chosen, peers.OTHERS)
        return 0

    from perceiver_keras.benchmarks import report
    from perceiver_keras.benchmarks.measure import QUICK, Calls
    from perceiver_keras.benchmarks.result_file import Results
    from perceiver_keras.benchmarks.run import run
    from perceiver_keras.progress import Progress

    others, left_out = _ready(peer_words, install)
    results = Results(out, quick)
    failed = []
    with Progress(total=len(chosen), label="benchmark") as progress:
        progress.start()
        count = 0

        def done(case: cases.Case, row: dict[str, Any]) -> None:
            nonlocal count
            count += 1
            failed.extend(
                f"{case.name} ({name})" for name, side in row["sides"].items() if "failed" in side
            )
            progress.note(report.line(row))
            progress.update(count)

        run(chosen, others, results, QUICK if quick else Calls(), done)
    page = report.write(results.whole, out)
    if failed:
        say(f"Failed: {', '.join(failed)}.")
    say(f"Results: {page}")
    measured = {case.name: results.whole["cases"][case.name] for case in chosen}
    answer(
        {
            "page": page,
            "machine": results.whole["machine"],
            "cases": measured,
            "skipped": left_out,
            "failed": failed,
        }
    )
    return int(bool(failed))


def _ready(words: tuple[str, ...], install: bool) -> tuple[list[Any], dict[str, str]]:
    """The peers that can be started, and why others can't."""
    from perceiver_keras.benchmarks import peers

    others, left_out = [], {}
    for word in words:
        try:
            if install:
                peers.install(peers.get(word.partition("=")[0]), say)
            others.append(peers.ready(word))
        except PerceiverError as error:
            if type(error) is not PerceiverError:  # wrong usage is an error, an absent peer is none
                raise
            left_out[word] = str(error)
            say(f"Without {word}: {error}")
    return others, left_out


def _list(chosen: list[Any], others: Any) -> None:
    rows = [(case.name, case.kind, case.task, case.preset) for case in chosen]
    say(table(("CASE", "KIND", "TASK", "PRESET"), rows))
    say()
    found = [(peer.name, ", ".join(peer.packages) or "our own environment") for peer in others]
    say(table(("PEER", "PACKAGES"), found))
    answer({"cases": [case.as_json() for case in chosen], "peers": [name for name, _ in found]})
