"""The lineage of a model as a picture: boxes from the data to the version, with arrows from what each was made of."""

from __future__ import annotations

import io
import textwrap
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from matplotlib.figure import Figure
from matplotlib.patches import FancyArrowPatch, FancyBboxPatch

from perceiver_keras.files import write_whole
from perceiver_keras.show import style
from perceiver_keras.show.lineage import UNKNOWN, number
from perceiver_keras.show.model_card_markdown import COUNTS, accepted, began_from

WIDE, HIGH = 2.5, 1.12  # a box, in inches
GAP, BETWEEN = 0.75, 0.3
LINE = 35  # characters in a line of a box
MOST_LINES = 5

# Box -> (column, row); arrows go from left to right.
PLACES = {
    "Data": (0, 0),
    "Settings and code": (0, 1),
    "Began from": (0, 2),
    "Schema": (1, 0),
    "Model": (1, 1),
    "Baseline": (1, 2),
    "Metrics": (2, 0),
    "Serving": (2, 2),
    "Gate": (2, 1),
    "Version": (3, 1),
}
ARROWS = (
    ("Data", "Schema"),
    ("Data", "Model"),
    ("Settings and code", "Model"),
    ("Began from", "Model"),
    ("Model", "Metrics"),
    ("Model", "Gate"),
    ("Model", "Serving"),
    ("Baseline", "Gate"),
    ("Metrics", "Gate"),
    ("Serving", "Gate"),
    ("Gate", "Version"),
)


def draw(lineage: Mapping[str, Any]) -> Figure:
    """One box per thing that the version was made from or judged by.

    Args:
      lineage: As `pipeline/lineage.py` gives it.
    """
    boxes = _boxes(lineage)
    width, height = 4 * WIDE + 3 * GAP + 0.2, 3 * HIGH + 2 * BETWEEN + 0.2
    with style.styled():
        figure = style.new_figure(width, height)
        axes = figure.add_subplot(xlim=(-0.1, width - 0.1), ylim=(height - 0.1, -0.1))
        style.bare(axes)
        for start, end in ARROWS:
            if start in boxes and end in boxes:
                axes.add_patch(_arrow(start, end))
        for name, (lines, colour) in boxes.items():
            _box(axes, name, lines, colour)
    return figure


def save(figure: Figure, path: Path) -> None:
    """Writes the picture in the format that the name's end says, whole or not at all."""
    buffer = io.BytesIO()
    figure.savefig(buffer, format=path.suffix[1:], dpi=150, facecolor="white")
    write_whole(path, buffer.getvalue())


def _boxes(lineage: Mapping[str, Any]) -> dict[str, tuple[list[str], str]]:
    """Name -> (lines of text, colour)."""
    model, push, data = lineage["model"], lineage["push"], lineage["data"]
    settings, gate = lineage["settings"], lineage["gate"]
    train = settings["config"].get("train") or {}
    counts = data.get("examples") or {}
    changed = settings["overrides"]
    boxes = {
        "Data": [
            str(data.get("dataset") or UNKNOWN),
            (data.get("fingerprint") or UNKNOWN)[:16],
            ", ".join(f"{split} {count:,}" for split, count in counts.items()),
        ],
        "Settings and code": [
            f"preset {model['preset']}, seed {train.get('seed', UNKNOWN)}",
            "changes " + (UNKNOWN if changed is None else ", ".join(changed) or "none"),
            f"code {lineage['code'] or UNKNOWN}",
        ],
        "Began from": [began_from(lineage["began_from"])],
        "Model": [
            f"artifact {model['artifact']}",
            f"{model['parameters']:,} parameters" if model["parameters"] else "",
            f"{train['steps']:,} steps" if "steps" in train else "",
        ],
        "Metrics": _metrics(lineage["evaluation"]),
        "Serving": _serving(lineage["serving"]),
        "Baseline": _baseline(lineage["baseline"]),
        "Gate": _gate(gate),
        "Schema": _schema(lineage["schema"]),
        "Version": _version(push, model),
    }
    refused = gate.get("blessed") is False
    colours = {
        "Gate": style.RED if refused else style.GREEN,
        "Version": style.RED if push is None or model["withdrawn"] else style.GREEN,
        "Model": style.BLUE,
    }
    return {name: (lines, colours.get(name, style.GREY)) for name, lines in boxes.items()}


def _metrics(evaluation: Mapping[str, Any]) -> list[str]:
    bounds = evaluation.get("thresholds") or {}
    found = (evaluation.get("metrics") or {}).items()
    names = sorted(found, key=lambda item: (item[0] not in bounds, item[0]))
    lines = []
    for name, estimate in names:
        if name not in COUNTS:
            low, high = estimate.get("low"), estimate.get("high")
            interval = "" if low is None else f" ({low:.3g} to {high:.3g})"
            lines.append(f"{name} {number(estimate.get('value'))}{interval}")
    count = evaluation.get("examples")
    return [*lines[:3], f"on {count:,.0f} examples" if count else ""] if lines else [UNKNOWN]


def _serving(serving: Mapping[str, Any]) -> list[str]:
    requests = (serving.get("latency") or {}).get("requests") or ()
    one = [row for row in requests if row["examples"] == 1]
    lines = [f"{one[0]['p50_ms']:.3g} ms for one example"] if one else []
    lines += [f"{serving['size_bytes'] / 1e6:,.1f} MB on disk"] if serving.get("size_bytes") else []
    return [*lines, *([serving["cause"]] if serving.get("cause") else [])] or [UNKNOWN]


def _baseline(baseline: Mapping[str, Any] | None) -> list[str]:
    if baseline is None:
        return ["none"]
    return [f"version {baseline['version'] or UNKNOWN}", f"artifact {baseline['model']}"]


def _gate(gate: Mapping[str, Any]) -> list[str]:
    checks = gate.get("checks") or ()
    failed = [check["name"] for check in checks if check["passed"] is False]
    passed = sum(check["passed"] is True for check in checks)
    blessed = {True: "blessed", False: "refused", None: UNKNOWN}[gate.get("blessed")]
    said = f"{passed} checks passed" if checks else "checks not recorded"
    return [blessed, said, *failed[:2]]


def _schema(schema: Mapping[str, Any] | None) -> list[str]:
    if schema is None:
        return ["the run's own"]
    count = len(schema["anomalies"].get("texts") or ())
    told = accepted(schema["accepted"]) if schema["accepted"] else "not accepted"
    return [told, f"{count} anomalies"]


def _version(push: Mapping[str, Any] | None, model: Mapping[str, Any]) -> list[str]:
    if push is None:
        return ["not pushed"]
    lines = [push["version"], push["time"]]
    if "of" in push:
        lines.append(f"again {push['of']}: {push['because']}")
    return [*lines, *([f"taken back: {model['withdrawn']}"] if model["withdrawn"] else [])]


def _corner(name: str) -> tuple[float, float]:
    column, row = PLACES[name]
    return column * (WIDE + GAP), row * (HIGH + BETWEEN)


def _box(axes: Any, name: str, lines: list[str], colour: str) -> None:
    x, y = _corner(name)
    axes.add_patch(
        FancyBboxPatch(
            (x, y), WIDE, HIGH, boxstyle="round,pad=0,rounding_size=0.08",
            facecolor="white", edgecolor=colour, linewidth=1.4,
        )
    )  # fmt: skip
    axes.text(x + 0.1, y + 0.2, name, fontsize=8.5, fontweight="bold", color=colour, va="center")
    wrapped = [part for line in lines if line for part in textwrap.wrap(str(line), LINE)]
    if len(wrapped) > MOST_LINES:
        wrapped = [*wrapped[: MOST_LINES - 1], wrapped[MOST_LINES - 1][: LINE - 2] + " …"]
    text = "\n".join(wrapped).replace("$", r"\$")  # "$" would start a formula
    axes.text(x + 0.1, y + 0.36, text, fontsize=7.5, color=style.INK, va="top", linespacing=1.3)


def _arrow(start: str, end: str) -> FancyArrowPatch:
    (x0, y0), (x1, y1) = _corner(start), _corner(end)
    if PLACES[start][0] == PLACES[end][0]:  # one above the other
        down = y1 > y0
        ends = (x0 + WIDE / 2, y0 + HIGH * down), (x1 + WIDE / 2, y1 + HIGH * (not down))
    else:
        ends = (x0 + WIDE, y0 + HIGH / 2), (x1, y1 + HIGH / 2)
    return FancyArrowPatch(
        *ends,
        arrowstyle="-|>",
        mutation_scale=9,
        color=style.GREY,
        linewidth=1,
        shrinkA=1,
        shrinkB=1,
    )
