"""`perceiver reproduce BENCHMARK --data DIR --weights FILE`: a published result, measured again."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from perceiver_keras.commands.shared import options
from perceiver_keras.commands.shared.output import answer, say, table
from perceiver_keras.errors import UsageError
from perceiver_keras.files import write_whole

RECORDS = Path("runs") / "reproduce"
EXAMPLES = """\b
Examples:
  perceiver reproduce
  perceiver reproduce sintel-clean --data MPI-Sintel --weights optical_flow_checkpoint.pystate
  perceiver reproduce kitti-2015 --data KITTI --weights huggingface --tiling notebook
  perceiver reproduce imagenet-fourier --data imagenet_val --weights deepmind
  perceiver reproduce --all --data DIR --weights WEIGHTS
  perceiver reproduce miniature --help

\b
The record keeps the results of every example: run the same command again to
resume after a stop, or to show the result once all examples are measured.
"""


class _OrMiniature(click.Command):
    """`reproduce miniature …` is a command of its own; anything else is this one."""

    def make_context(
        self,
        info_name: str | None,
        args: list[str],
        parent: click.Context | None = None,
        **extra: Any,
    ) -> click.Context:
        if args and args[0] == "miniature":
            from perceiver_keras.commands.reproduce_miniature import command as miniature

            return miniature.make_context(f"{info_name} miniature", args[1:], parent, **extra)
        return super().make_context(info_name, args, parent, **extra)


@click.command("reproduce", cls=_OrMiniature, epilog=EXAMPLES)
@click.argument("benchmark", required=False, metavar="[BENCHMARK]")
@click.option("--data", type=options.LocalPath(), metavar="DIR", help="Your copy of the data.")
@click.option(
    "--weights",
    type=options.AnyName(),
    metavar="FILE|FOLDER",
    help="Official weights (a pickle, .safetensors, .bin), a preset folder, deepmind or huggingface. With --all also a "
    "folder of them.  [default with --all: DIR/weights]",
)
@click.option("--tiling", help="Optical flow: paper, notebook or minimal.  [default: paper]")
@click.option(
    "--set",
    "choices",
    multiple=True,
    metavar="NAME=VALUE",
    help="A choice of the protocol, such as window=first of kinetics.",
)
@click.option(
    "--all",
    "everything",
    is_flag=True,
    help="Measure whatever data and weights are found for, and write one page.",
)
@click.option(
    "--record",
    type=options.LocalPath(),
    metavar="FILE",
    help="Where the measurements are kept (JSON), with --all a folder.  [default: runs/reproduce/BENCHMARK.json]",
)
@click.option(
    "--page",
    type=options.LocalPath(),
    metavar="FILE",
    help="With --all: the page (HTML).  [default: index.html next to the records]",
)
@click.option("--markdown", is_flag=True, help="Print the page docs/reproduce.md, of the records.")
@options.common_options
def command(
    benchmark: str | None,
    data: Path | None,
    weights: str | None,
    tiling: str | None,
    choices: tuple[str, ...],
    everything: bool,
    record: Path | None,
    page: Path | None,
    markdown: bool,
) -> None:
    """Measure a published result by its own protocol; without BENCHMARK, list the results.

    `perceiver reproduce miniature` tests the paper's claims on small data that is here.
    """
    from perceiver_keras import reproduce

    if markdown:
        _markdown(record or RECORDS)
        return
    if everything:
        if benchmark is not None or tiling or choices:
            raise UsageError("--all measures every benchmark, by the paper's own choices.")
        _all(data, weights, record or RECORDS, page)
        return
    if page is not None:
        raise UsageError("--page belongs to --all.")
    if benchmark is None:
        _list(reproduce.benchmarks())
        return
    chosen = reproduce.get(benchmark)
    if chosen.quoted:
        chosen.open(Path(), {})  # says why it can't be measured
    if data is None or weights is None:
        train = f" Train them with: {chosen.train_with}" if chosen.train_with else ""
        raise UsageError(
            f"Name --data, your copy of {chosen.data}, and --weights (a file, a folder, deepmind or "
            f"huggingface).{train}"
        )
    given = _given(tiling, choices)
    record = record or RECORDS / f"{chosen.name}.json"
    whole = _measure(chosen, chosen.open(data, given), weights, record, given)
    _show(whole, record)
    answer({**{k: v for k, v in whole.items() if k != "examples"}, "record": record})


def _given(tiling: str | None, choices: tuple[str, ...]) -> dict[str, str]:
    given = {"tiling": tiling} if tiling else {}
    for choice in choices:
        name, found, value = choice.partition("=")
        if not found:
            raise UsageError(f"--set {choice}: expected NAME=VALUE, such as window=first.")
        given[name] = value
    return given


def _measure(
    chosen: Any, protocol: Any, weights: str, record: Path, given: dict[str, str]
) -> dict[str, Any]:
    from perceiver_keras import reproduce
    from perceiver_keras.progress import Progress

    return reproduce.reproduce(
        chosen,
        protocol,
        lambda: chosen.load(weights, options.load_weights),
        record,
        weights=reproduce.identify(weights, chosen.model),
        options=given,
        progress=Progress(len(protocol.keys), label=chosen.name),
    )


def _all(data: Path | None, weights: str | None, records: Path, page: Path | None) -> None:
    from perceiver_keras import reproduce_all
    from perceiver_keras.reproduce import versions
    from perceiver_keras.show import claims

    if data is None or not data.is_dir():
        raise UsageError(
            "--all takes --data, a folder with a folder per data set, such as MPI-Sintel/."
        )
    records.mkdir(parents=True, exist_ok=True)
    page = page or records / "index.html"
    outcomes = reproduce_all.known(records)
    places = {outcome.benchmark.name: place for place, outcome in enumerate(outcomes)}
    for outcome in reproduce_all.measure_all(
        data,
        weights or str(data / "weights"),
        records,
        lambda *found: _measure(*found, given={}),
    ):
        outcomes[places[outcome.benchmark.name]] = outcome
        if outcome.record or outcome.benchmark.released:
            write_whole(page, claims.page(outcomes, versions(), finished=False))
    write_whole(page, claims.page(outcomes, versions()))
    shown = [row for row in claims.rows(outcomes) if row["record"]]
    if shown:
        columns = ("name", "metric", "claimed", "measured", "difference", "state")
        say(table([c.upper() for c in columns], [[row[c] for c in columns] for row in shown]))
        say()
    for outcome in outcomes:
        if outcome.benchmark.released and not outcome.record:
            say(f"{outcome.benchmark.name}: {claims.NOT_RUN}: {outcome.reason}")
    say(f"Page: {page}")
    answer(
        {
            "page": page,
            "measured": {o.benchmark.name: o.record["measured"] for o in outcomes if o.record},
            "not_measured": {
                o.benchmark.name: o.reason
                for o in outcomes
                if not o.record and not o.benchmark.quoted
            },
        }
    )


def _markdown(records: Path) -> None:
    from perceiver_keras import reproduce_all
    from perceiver_keras.show import claims

    click.echo(claims.document(reproduce_all.known(records)), nl=False)


def _list(benchmarks: dict) -> None:
    say(
        table(
            ("BENCHMARK", "TASK", "CLAIMED", "WEIGHTS", "SOURCE"),
            [
                (b.name, b.task, _spelled(b.claimed), _short(b), b.source)
                for b in benchmarks.values()
            ],
        )
    )
    answer({"benchmarks": {b.name: {"task": b.task, "claimed": dict(b.claimed), "source": b.source,
                                    "data": b.data, "note": b.note, "weights": b.weights,
                                    "stated": dict(b.stated)} for b in benchmarks.values()}})  # fmt: skip


def _short(benchmark: Any) -> str:
    """Where weights come from, in a word; `--json` and docs/reproduce.md have the whole command."""
    return f"train with: {benchmark.model}" if benchmark.train_with else benchmark.weights


def _spelled(values: dict) -> str:
    first = [f"{name} {value:g}" for name, value in list(values.items())[:3]]
    return ", ".join(first) + (f" and {len(values) - 3} more" if len(values) > 3 else "")


def _show(whole: dict, record: Path) -> None:
    claimed, measured = whole["claimed"], whole["measured"]
    say(f"{whole['data']}: {len(whole['examples']):,} examples. Claimed in {whole['source']}.")
    if facts := whole["facts"]:
        say(f"{facts['list']} lists {facts['listed']:,}.")
    names = [*claimed, *(name for name in measured if name not in claimed)]
    rows = [
        (
            name,
            f"{claimed[name]:g}" if name in claimed else "",
            f"{measured[name]:.4f}" if name in measured else "",
            f"{measured[name] - claimed[name]:+.4f}"
            if name in claimed and name in measured
            else "",
        )
        for name in names
    ]
    say(table(("METRIC", "CLAIMED", "MEASURED", "DIFFERENCE"), rows))
    first = next(iter(claimed or measured), None)
    groups = [(name, float(v[first])) for name, v in whole["groups"].items() if first in v]
    if len(groups) > 1:
        say()
        say(table(("PART", first.upper()), groups))
    if whole["differs"]:
        say(f"The model is not the claim's: it differs in {', '.join(whole['differs'])}.")
    for line in filter(None, (whole["rule"], whole["note"], f"Record: {record}")):
        say(line)
