"""The results as a page: tables in Markdown, next to the plots. Everything on it comes from `results.json`."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from perceiver_keras.benchmarks import machine, numbers, peers, plots
from perceiver_keras.files import write_whole

Rows = dict[str, dict[str, Any]]
TITLES = {side.name: side.title for side in (peers.OURS, *peers.OTHERS)}


def write(results: dict[str, Any], folder: Path) -> Path:
    """Writes the page and its plots; returns the page's path."""
    name = "quick_results" if results["quick"] else "results"
    pictures = plots.write(results, folder, name)
    path = folder / f"{name}.md"
    write_whole(path, page(results, pictures))
    return path


def page(results: dict[str, Any], pictures: Sequence[str] = ()) -> str:
    cases = numbers.with_best_peaks(results["cases"])
    parts = [
        "# Results",
        f"From {machine.in_words(results['machine'])}.",
        *([_QUICK] if results["quick"] else []),
        *([_disturbed(cases)] if _disturbed(cases) else []),
        _versions(cases),
        *(f"![{name.rpartition('.')[0]}]({name})" for name in pictures),
    ]
    for title, words, make in SECTIONS:
        table = make(cases)
        if table:
            parts += [f"## {title}", *([words] if words else []), table]
    return "\n\n".join(part for part in parts if part) + "\n"


_QUICK = "**A quick run: these models are far too small for the numbers to mean anything.**"


def _disturbed(cases: Rows) -> str:
    """A warning if the machine did other work as well."""
    most = max((row["others"] or 0.0 for row in cases.values()), default=0.0)
    if most <= numbers.DISTURBED:
        return ""
    return (
        f"**Other work took up to {most:.0%} of the processors' time while this was measured.** Seconds of disturbed "
        "cases say little; ratios and CPU seconds say more."
    )


def group(cases: Rows, name: str) -> Rows:
    return {key: row for key, row in cases.items() if row["case"]["group"] == name}


def summary(cases: Rows) -> str:
    """One line per pass of a released model: ours, the fastest peer, ratios, share of the peak."""
    lines = []
    for row in group(cases, "models").values():
        mine, theirs = numbers.of(row), numbers.best_peer(row)
        if mine is None:
            continue
        lines.append(
            (
                _model(row),
                _pass(row),
                row["case"]["precision"],
                _seconds(mine.median),
                _seconds(theirs and theirs.median),
                _ratio(numbers.ratio(row)),
                f"{mine.megabytes:,.0f}",
                f"{theirs.megabytes:,.0f}" if theirs else "–",
                _ratio(numbers.ratio(row, "megabytes")),
                _percent(numbers.share_of_peak(row)),
            )
        )
    head = ("model", "pass", "precision", "ours, s", "best peer, s", "ratio", "ours, MB",
            "that peer, MB", "ratio", "of the peak")  # fmt: skip
    return _table(head, lines)


def details(cases: Rows) -> str:
    """One line per side of each pass."""
    lines = []
    for row in group(cases, "models").values():
        what = f"{_model(row)}, {_pass(row)}, {row['case']['precision']}"
        for one in numbers.numbers(row):
            side = TITLES.get(one.side, one.side)
            if one.failed:
                lines.append((what, side, one.failed, *[""] * 7))
                continue
            told = row["sides"][one.side]
            lines.append(
                (
                    what,
                    side,
                    _seconds(one.median),
                    _seconds(one.least),
                    _seconds(one.most),
                    _seconds(one.cpu),
                    f"{one.megabytes:,.0f}",
                    _seconds(told.get("compile")),
                    _seconds(told["first_call"]),
                    _percent(row["others"]),
                )
            )
    head = ("what", "side", "median, s", "min", "max", "CPU, s", "peak, MB", "compile, s",
            "first call, s", "other work")  # fmt: skip
    return _table(head, lines)


def growth(cases: Rows) -> str:
    """Inputs, outputs, latents, batch: seconds and megabytes of each side by size."""
    sides = _sides(cases, plots.GROWING)
    lines = [
        (name, f"{row['case']['x']:,}", *_cells(row, sides))
        for name in plots.GROWING
        for row in sorted(group(cases, name).values(), key=lambda row: row["case"]["x"])
    ]
    return _table(("what grows", "to", *(f"{TITLES[side]}, s / MB" for side in sides)), lines)


def tiny(cases: Rows) -> str:
    sides = _sides(cases, ("tiny",))
    lines = [
        (
            row["case"]["task"],
            f"{row['case']['batch']:,}",
            *(_rate(numbers.per_second(row, side)) for side in sides),
        )
        for row in group(cases, "tiny").values()
    ]
    return _table(("task", "batch", *(TITLES[side] for side in sides)), lines)


def pipelines(cases: Rows) -> str:
    lines = []
    for row in group(cases, "pipeline").values():
        task = row["case"]["task"]
        step = cases.get(f"tiny/{task}")
        rate = numbers.per_second(row)
        need = (
            step
            and numbers.of(step)
            and step["sides"]["ours"]["examples"] / numbers.of(step).median
        )
        failed = row["sides"]["ours"].get("failed", "")
        times = numbers.supply(row, step) if step else None
        lines.append((task, _rate(rate) if rate else failed, _rate(need), _ratio(times)))
    head = ("task", "pipeline, examples/s", "training step, examples/s", "pipeline ÷ step")
    return _table(head, lines)


def starts(cases: Rows) -> str:
    lines = []
    for row in group(cases, "start").values():
        (one,) = numbers.numbers(row)
        name = row["case"]["name"].partition("/")[2]
        times = (one.median, one.least, one.most, one.cpu)
        lines.append(
            (name, *(map(_seconds, times) if not one.failed else (one.failed, "", "", "")))
        )
    return _table(("command", "median, s", "min", "max", "CPU, s"), lines)


def products(cases: Rows) -> str:
    lines = [
        (row["case"]["precision"], TITLES[one.side], f"{row['flops'] / one.least / 1e9:,.0f}")
        for row in group(cases, "products").values()
        for one in numbers.numbers(row)
        if not one.failed
    ]
    return _table(("precision", "side", "GFLOP/s"), lines)


Section = tuple[str, str, Callable[[Rows], str]]
SECTIONS: tuple[Section, ...] = (
    (
        "Released models",
        "Batch 1. Ratios are ours ÷ the fastest peer's, from one run with the sides in turn; below 1 is better.",
        summary,
    ),
    ("Every side", "", details),
    ("Growth", "Shallow models (one layer), so that the cross-attention is what grows.", growth),
    ("Tiny models", "Training steps per second, with AdamW.", tiny),
    (
        "Input pipelines",
        "What a task's data delivers, and what its tiny model's step uses.",
        pipelines,
    ),
    ("Cold starts", "A new process each time, files in the system's cache.", starts),
    ("Matrix products", "The peak that shares are told of is the fastest of these.", products),
)


def line(row: dict[str, Any]) -> str:
    """A case in one line, for the terminal."""
    parts = []
    for one in numbers.numbers(row):
        title = TITLES.get(one.side, one.side)
        told = one.failed or f"{_seconds(one.median)} s, {one.megabytes:,.0f} MB"
        parts.append(f"{title} {told}")
    if (ratio := numbers.ratio(row)) is not None:
        parts.append(f"ratio {ratio:.2f}")
    return f"{row['case']['name']}: {'; '.join(parts)}"


def _sides(cases: Rows, groups: Sequence[str]) -> list[str]:
    found = {
        side for name in groups for row in group(cases, name).values() for side in row["sides"]
    }
    return [name for name in TITLES if name in found]


def _cells(row: dict[str, Any], sides: Sequence[str]) -> list[str]:
    found = {one.side: one for one in numbers.numbers(row)}
    cells = []
    for side in sides:
        one = found.get(side)
        if one is None:
            cells.append("–")
        else:
            cells.append(one.failed or f"{_seconds(one.median)} / {one.megabytes:,.0f}")
    return cells


def _versions(cases: Rows) -> str:
    found = {
        (TITLES.get(name, name), ", ".join(f"{k} {v}" for k, v in sorted(side["versions"].items())))
        for row in cases.values()
        for name, side in row["sides"].items()
        if side.get("versions")
    }
    return "\n".join(f"- {side}: {versions}" for side, versions in sorted(found))


def _table(head: Sequence[str], lines: Sequence[Sequence[str]]) -> str:
    """Markdown; empty without lines."""
    if not lines:
        return ""
    rows = [head, ["---"] * len(head), *lines]
    return "\n".join(f"| {' | '.join(cell.replace('|', '/') for cell in row)} |" for row in rows)


def _model(row: dict[str, Any]) -> str:
    return row["case"]["name"].split("/")[1]


def _pass(row: dict[str, Any]) -> str:
    return {"forward": "forward", "train": "train step"}[row["case"]["kind"]]


def _seconds(value: float | None) -> str:
    """Three digits that count."""
    if value is None:
        return "–"
    return f"{value:.3g}" if value < 100 else f"{value:,.0f}"


def _rate(value: float | None) -> str:
    return "–" if not value else f"{value:,.0f}" if value >= 10 else f"{value:.2g}"


def _ratio(value: float | None) -> str:
    return "–" if value is None else f"{value:.2f}"


def _percent(value: float | None) -> str:
    return "–" if value is None else f"{value:.0%}"
