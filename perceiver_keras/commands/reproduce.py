"""`perceiver reproduce BENCHMARK --data DIR --weights FILE`: a published result, measured again."""

from __future__ import annotations

from pathlib import Path

import click

from perceiver_keras.commands.shared import options
from perceiver_keras.commands.shared.output import answer, say, table
from perceiver_keras.errors import UsageError

EXAMPLES = """\b
Examples:
  perceiver reproduce
  perceiver reproduce sintel-clean --data MPI-Sintel --weights optical_flow_checkpoint.pystate
  perceiver reproduce kitti-2015 --data KITTI --weights huggingface --tiling notebook

\b
The record keeps the results of every example: run the same command again to
resume after a stop, or to show the result once all examples are measured.
"""


@click.command("reproduce", epilog=EXAMPLES)
@click.argument("benchmark", required=False, metavar="[BENCHMARK]")
@click.option(
    "--data", type=click.Path(path_type=Path), metavar="DIR", help="Your copy of the data."
)
@click.option(
    "--weights",
    metavar="FILE|FOLDER",
    help="Official weights (a pickle, .safetensors, .bin), a preset folder, deepmind or huggingface.",
)
@click.option("--tiling", help="Optical flow: paper, notebook or minimal.  [default: paper]")
@click.option(
    "--record",
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="Where the measurements are kept (JSON).  [default: runs/reproduce/BENCHMARK.json]",
)
@options.common_options
def command(
    benchmark: str | None,
    data: Path | None,
    weights: str | None,
    tiling: str | None,
    record: Path | None,
) -> None:
    """Measure a published result by its own protocol; without BENCHMARK, list the results."""
    from perceiver_keras import reproduce

    if benchmark is None:
        _list(reproduce.benchmarks())
        return
    chosen = reproduce.get(benchmark)
    if data is None or weights is None:
        raise UsageError(
            f"Name --data, your copy of {chosen.data}, and --weights (a file, a folder, deepmind or "
            "huggingface)."
        )
    if record is None:
        record = Path("runs") / "reproduce" / f"{chosen.name}.json"
    given = {"tiling": tiling} if tiling else {}
    protocol = chosen.open(data, given)

    from perceiver_keras.progress import Progress

    whole = reproduce.reproduce(
        chosen,
        protocol,
        lambda: options.load_weights(weights, chosen.task, chosen.model),
        record,
        weights=reproduce.identify(weights, chosen.model),
        options=given,
        progress=Progress(len(protocol.keys), label=chosen.name),
    )
    _show(whole, record)
    answer({**{k: v for k, v in whole.items() if k != "examples"}, "record": record})


def _list(benchmarks: dict) -> None:
    say(
        table(
            ("BENCHMARK", "TASK", "CLAIMED", "SOURCE"),
            [(b.name, b.task, _spelled(b.claimed), b.source) for b in benchmarks.values()],
        )
    )
    answer({"benchmarks": {b.name: {"task": b.task, "claimed": dict(b.claimed), "source": b.source,
                                    "data": b.data, "note": b.note} for b in benchmarks.values()}})  # fmt: skip


def _spelled(values: dict) -> str:
    return ", ".join(f"{name} {value:g}" for name, value in values.items())


def _show(whole: dict, record: Path) -> None:
    claimed, measured = whole["claimed"], whole["measured"]
    say(f"{whole['data']}: {len(whole['examples']):,} examples. Claimed in {whole['source']}.")
    names = [*claimed, *(name for name in measured if name not in claimed)]
    rows = [
        (
            name,
            f"{claimed[name]:g}" if name in claimed else "",
            f"{measured[name]:.4f}",
            f"{measured[name] - claimed[name]:+.4f}" if name in claimed else "",
        )
        for name in names
    ]
    say(table(("METRIC", "CLAIMED", "MEASURED", "DIFFERENCE"), rows))
    if len(whole["groups"]) > 1:
        first = next(iter(claimed))
        say()
        groups = [(name, float(values[first])) for name, values in whole["groups"].items()]
        say(table(("PART", first.upper()), groups))
    for line in filter(None, (whole["note"], f"Record: {record}")):
        say(line)
