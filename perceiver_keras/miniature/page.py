"""docs/miniature.md: what the paper claims, how it is tested here, and what came out, made from the records."""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from perceiver_keras.files import write_whole
from perceiver_keras.miniature import catalogue, plot, records
from perceiver_keras.miniature.claim import Claim, Records, by_seed
from perceiver_keras.miniature.outcome import Interval, Outcome, Statement, interval_of

NOT_RUN = "not run"
HEAD = """# The paper in miniature

Each claim of the paper as an experiment of minutes on two CPU cores, on data that comes with this project or is made by
it. Small models on small data can't prove or refute what was measured on TPUs; they show whether the effect is there at
this size. `perceiver reproduce miniature` measures all of it, or the claims that are named, as many arms at once as
there are cores (`--jobs`); a stopped run goes on where it was.

Each arm is trained from several seeds. A claim is a statement about a number per seed, mostly the difference of two
arms that had the same seed. It *holds* if the whole 95 % interval (Student's t) is on the claimed side, *does not hold*
if it is on the other side, and *can't be told* otherwise. Each arm's learning rate is searched for on the validation
split, from the same rates and beyond them while the best is the lowest or the highest tried, and arms are judged on the
test split. Where three seeds could not tell which of two arms is better, some pairs were trained from up to three more:
each statement has its number of seeds. Floating-point operations (a multiplication and an addition are two) and
parameters are counted from the graph.

This page is made from the records in `benchmarks/results/miniature/` by
`perceiver reproduce miniature --markdown --run-dir benchmarks/results/miniature --pictures docs/pictures/miniature`.
"""


def document(folder: Path, pictures: str = "pictures/miniature") -> str:
    """The page.

    Args:
      folder: Of the records.
      pictures: Where the page finds the picture of each claim, CLAIM.png.
    """
    claims = catalogue.claims()
    found = {claim.name: records.read_all(folder, claim) for claim in claims}
    outcomes = {claim.name: claim.judge(found[claim.name]) for claim in claims}
    parts = [HEAD, summary(claims, found, outcomes)]
    if time := _whole(claims, found):
        parts.append(time)
    parts += [
        _section(claim, found[claim.name], outcomes[claim.name], pictures) for claim in claims
    ]
    return "\n".join(parts)


def write_pictures(folder: Path, pictures: Path) -> None:
    """Draws each claim that has records, as CLAIM.png."""
    pictures.mkdir(parents=True, exist_ok=True)
    for claim in catalogue.claims():
        if found := records.read_all(folder, claim):
            write_whole(pictures / f"{claim.name}.png", plot.picture(claim, found))


def summary(
    claims: Sequence[Claim], found: dict[str, Records], outcomes: dict[str, Outcome]
) -> str:
    """The table of all claims."""
    lines = ["| claim | paper | seeds | outcome |", "|---|---|---|---|"]
    for claim in claims:
        verdict = outcomes[claim.name].verdict if found[claim.name] else NOT_RUN
        seeds = _seeds(claim, found[claim.name])
        lines.append(f"| [{claim.title}](#{claim.name}) | {claim.paper} | {seeds} | {verdict} |")
    return "\n".join(lines) + "\n"


def _whole(claims: Sequence[Claim], found: dict[str, Records]) -> str:
    """How long the command without options took; empty unless all its records are there and say when."""
    own = [
        found[claim.name].get(arm.name, {}).get(seed, {})
        for claim in claims
        for arm in claim.arms
        for seed in claim.seeds
    ]
    if not all("started" in record for record in own):
        return ""
    minutes = records.passed(own) / 60
    return f"The command's own {len(own)} records, three seeds of each arm, took {minutes:.0f} minutes.\n"


def _section(claim: Claim, found: Records, outcome: Outcome, pictures: str) -> str:
    lines = [
        f"## {claim.name}",
        "",
        f"**{claim.title}.** {claim.paper}: {claim.statement}",
        "",
        f"In miniature: {claim.miniature}",
        "",
    ]
    if not found:
        return "\n".join([*lines, f"**{NOT_RUN.capitalize()}** yet: `{_run(claim)}`.", ""])
    lines += [f"**Outcome: {outcome.verdict}.**", ""]
    lines += ["| statement | mean | 95 % interval | seeds | outcome |", "|---|---|---|---|---|"]
    lines += [_statement(one) for one in outcome.statements]
    lines += ["", *_arms(claim, found), ""]
    if claim.reading:
        lines += [claim.reading, ""]
    lines += [f"![{claim.title}]({pictures}/{claim.name}.png)", "", _circumstances(found), ""]
    first = next(iter(found))
    lines += [f"A single run: `{claim.command(first, 0)}`; all of it: `{_run(claim)}`.", ""]
    return "\n".join(lines)


def _run(claim: Claim) -> str:
    return f"perceiver reproduce miniature {claim.name}"


def _statement(one: Statement) -> str:
    if one.interval is None:
        return f"| {one.text} | – | – | 0 | {one.verdict} |"
    between = span(one.interval, one.percent)
    mean = number(one.interval.mean, one.percent)
    return f"| {one.text} | {mean} | {between} | {one.interval.seeds} | {one.verdict} |"


def _arms(claim: Claim, found: Records) -> list[str]:
    unit = f" [{claim.unit}]" if claim.unit else ""
    head = f"| arm | {claim.metric.replace('_', ' ')}{unit} | FLOPs | parameters | chosen |"
    lines = [head, "|---|---|---|---|---|"]
    for arm in claim.arms:
        of_arm = found.get(arm.name, {})
        if not of_arm:
            lines.append(f"| {arm.says or arm.name} | {NOT_RUN} | | | |")
            continue
        values = list(by_seed(found, arm.name, claim.metric).values())
        measured = interval_of(values)
        shown = "–" if measured is None else number(measured.mean, claim.percent)
        if measured is not None and measured.seeds > 1:
            shown += f" ± {number(measured.high - measured.mean, claim.percent)}"
        record = next(iter(of_arm.values()))
        chosen = ", ".join(
            f"{name.rpartition('.')[2].replace('_', ' ')} {value}"
            for name, value in record["chosen"].items()
        )
        costs = [large(record["cost"].get(name)) for name in ("flops", "parameters")]
        lines.append(f"| {arm.says or arm.name} | {shown} | {' | '.join(costs)} | {chosen} |")
    return lines


def _circumstances(found: Records) -> str:
    """What was measured, for how long, and how busy the machine was, from the records themselves."""
    every = [record for of_arm in found.values() for record in of_arm.values()]
    minutes = sum(record["seconds"] for record in every) / 60
    used = sum(record["cpu_seconds"] for record in every) / 60
    loads = [load for record in every for load in record["load"]]
    cores = "/".join(sorted({str(record["cores"]) for record in every}))
    tensorflow = "/".join(sorted({record["versions"].get("tensorflow", "?") for record in every}))
    return (
        f"{len(every)} records, {minutes:.0f} minutes one after the other ({used:.0f} of processor time) on {cores} "
        f"cores whose load was {min(loads):.1f} to {max(loads):.1f}, TensorFlow {tensorflow}."
    )


def _seeds(claim: Claim, found: Records) -> str:
    counts = [len(found.get(arm.name, {})) for arm in claim.arms]
    return f"{min(counts)}" if min(counts) == max(counts) else f"{min(counts)} to {max(counts)}"


def span(found: Interval, percent: bool = False) -> str:
    """The interval as text; a dash with one seed."""
    if not math.isfinite(found.low):
        return "–"
    return f"{number(found.low, percent)} to {number(found.high, percent)}"


def number(value: float, percent: bool = False) -> str:
    """Four significant digits, shares as points of a hundred."""
    if percent:
        return f"{100 * value:.1f}"
    return f"{value:.4g}" if abs(value) < 1000 else f"{value:,.0f}"


def large(value: Any) -> str:
    """1_234_567 as 1.23 M."""
    if value is None:
        return "–"
    for factor, letter in ((1e9, " G"), (1e6, " M"), (1e3, " k")):
        if value >= factor:
            return f"{value / factor:.3g}{letter}"
    return f"{value:g}"
