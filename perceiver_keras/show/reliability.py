"""The reliability picture: how often a model that says 70 % is right."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from matplotlib.figure import Figure

from perceiver_keras.show import style
from perceiver_keras.show.formats import number

NAME = "calibration_error"


def title(metric: str) -> str:
    """Of the picture of a metric: `winner_calibration_error` -> "Calibration: winner"."""
    what = metric.removesuffix(NAME).strip("_").replace("_", " ")
    return f"Calibration: {what}" if what else "Calibration"


def reliability(bins: Sequence[Mapping[str, Any]], error: float | None = None) -> Figure:
    """Bars of the share that is right over the confidence, with the diagonal of a calibrated model, and counts below.

    The figure's label is its caption.

    Args:
      bins: Equal parts of [0, 1] from the left, {"count", "confidence": mean of what the model said, "accuracy": the
        share that was right}; both are None, or anything, where the count is 0.
      error: The expected calibration error; None: computed from the bins.
    """
    counts = np.array([entry["count"] for entry in bins], float)
    filled = counts > 0
    said, right = (
        np.array([entry[key] or 0.0 if entry["count"] else 0.0 for entry in bins], float)
        for key in ("confidence", "accuracy")
    )
    total = counts.sum()
    if error is None and total:
        error = float((counts * np.abs(said - right)).sum() / total)
    edges = np.linspace(0, 1, len(bins) + 1)
    middle, width = (edges[1:] + edges[:-1]) / 2, 0.92 / max(len(bins), 1)
    with style.styled():
        figure = style.new_figure(4.6, 4.6)
        above, below = figure.subplots(2, 1, sharex=True, height_ratios=[3, 1])
        above.bar(middle[filled], right[filled], width, color=style.BLUE, label="right")
        gap = (said - right)[filled]
        above.bar(
            *(middle[filled], gap, width, right[filled]),
            color=style.ORANGE,
            alpha=0.45,
            label="distance to what it said",
        )
        above.plot([0, 1], [0, 1], color=style.GREY, linewidth=1, linestyle="--")
        above.set(ylabel="share that is right", xlim=(0, 1), ylim=(0, 1.02))
        above.legend(loc="upper left", fontsize=8)
        below.bar(middle, counts, width, color=style.GREY)
        below.set(xlabel="the model's confidence", ylabel="answers")
        if counts.max(initial=0) > 50 * max(counts[filled].min(initial=np.inf), 1):
            below.set_yscale("log")
    figure.set_label(_caption(total, error))
    return figure


def _caption(total: float, error: float | None) -> str:
    if not total:
        return "The test split holds no answer to count."
    return (
        f"Of {total:,.0f} answers on the test split. Expected calibration error: {number(error)}, the mean distance "
        "between how sure the model is and how often it is right; 0 is best. Bars below the dashed line: too sure."
    )
