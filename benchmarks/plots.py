"""Plots of the results, made without pyplot: ratios to the fastest peer, and growth."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

from matplotlib.figure import Figure

from perceiver_keras.benchmarks import numbers, peers
from perceiver_keras.files import write_whole

# The groups whose cases are a row along an axis, and the axis's name.
GROWING = {
    "inputs": "inputs M",
    "outputs": "outputs O",
    "latents": "latents N",
    "batch": "batch B",
}
COLOURS = {
    "ours": "#1f5f9e",
    "xla": "#7fb0dd",
    "huggingface": "#d98b2b",
    "deepmind": "#5b8c5a",
    "tensorflow_models": "#8a6bb1",
}
TITLES = {side.name: side.title for side in (peers.OURS, *peers.OTHERS)}


def write(results: dict[str, Any], folder: Path, prefix: str) -> list[str]:
    """Writes the plots for which there are numbers; returns their names."""
    names = []
    for what, figure in (
        ("models", models(results["cases"])),
        ("growth", growth(results["cases"])),
    ):
        if figure is not None:
            content = io.BytesIO()
            figure.savefig(content, format="png", dpi=110, metadata={"Software": None})
            names.append(f"{prefix}_{what}.png")
            write_whole(folder / names[-1], content.getvalue())
    return names


def models(cases: dict[str, Any]) -> Figure | None:
    """Bars: seconds and memory of each pass of a released model, as ratios to the fastest peer's."""
    rows = [
        row
        for row in cases.values()
        if row["case"]["group"] == "models" and numbers.ratio(row) is not None
    ]
    if not rows:
        return None
    figure = Figure(figsize=(8, 1.2 + 0.32 * len(rows)), layout="constrained")
    axes = figure.subplots(1, 2, sharey=True)
    labels = [row["case"]["name"].partition("/")[2].replace("/", ", ") for row in rows]
    for ax, attribute, title in zip(
        axes, ("median", "megabytes"), ("seconds", "peak memory"), strict=True
    ):
        ratios = [numbers.ratio(row, attribute) for row in rows]
        ax.barh(labels, ratios, color=[COLOURS["ours"] if r <= 1 else "#b5443a" for r in ratios])
        for place, ratio in enumerate(ratios):
            ax.text(ratio, place, f" {ratio:.2f}", va="center", fontsize=8)
        ax.axvline(1, color="black", linewidth=0.8)
        ax.set_xlim(0, max(1.2, 1.15 * max(ratios)))
        ax.set_title(f"{title}, ours ÷ the fastest peer's", fontsize=9)
        ax.tick_params(labelsize=8)
    axes[0].invert_yaxis()
    return figure


def growth(cases: dict[str, Any]) -> Figure | None:
    """Lines: seconds, and below them memory, by what grows; both axes logarithmic."""
    groups = {
        name: rows
        for name in GROWING
        if (rows := [row for row in cases.values() if row["case"]["group"] == name])
    }
    if not groups:
        return None
    figure = Figure(figsize=(3.2 * len(groups), 5.4), layout="constrained")
    axes = figure.subplots(2, len(groups), sharex="col", squeeze=False)
    for column, (name, rows) in enumerate(groups.items()):
        rows = sorted(rows, key=lambda row: row["case"]["x"])
        for side, title in TITLES.items():
            found = [(row["case"]["x"], one) for row in rows if (one := numbers.of(row, side))]
            if not found:
                continue
            sizes = [size for size, _ in found]
            style = {"marker": "o", "markersize": 3, "color": COLOURS.get(side), "label": title}
            axes[0, column].plot(sizes, [one.median for _, one in found], **style)
            axes[1, column].plot(sizes, [one.megabytes for _, one in found], **style)
        for ax in axes[:, column]:
            ax.set_xscale("log", base=2)
            ax.set_yscale("log")
            ax.grid(alpha=0.3)
            ax.tick_params(labelsize=8)
        axes[1, column].set_xlabel(GROWING[name])
    axes[0, 0].set_ylabel("seconds")
    axes[1, 0].set_ylabel("peak memory, MB")
    axes[0, 0].legend(fontsize=8)
    return figure
