"""Learning curves: the loss and the validation metrics over the steps."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from matplotlib.figure import Figure

from perceiver_keras.show import style

COLUMNS = 2  # so that a phone can show them
NOT_CURVES = {"step", "steps", "epoch", "time", "seconds", "examples_per_second"}


def learning_curves(history: Sequence[Mapping[str, Any]]) -> Figure:
    """One panel per quantity, with its training and validation curves together.

    Args:
      history: history.json's entries: {"step": 50, "loss": …} while training and
        {"step": 500, "validation_loss": …, "validation_accuracy": …} at evaluations; the
        prefix `val_` works as well. Values that are not finite numbers are left out.
    """
    panels: dict[str, dict[str, tuple[list[float], list[float]]]] = {}
    for entry in history:
        step = entry.get("step", entry.get("steps"))
        for key, value in entry.items():
            if key in NOT_CURVES or step is None or not _finite(value):
                continue
            quantity, kind = split_name(key)
            steps, values = panels.setdefault(quantity, {}).setdefault(kind, ([], []))
            steps.append(float(step))
            values.append(float(value))
    names = sorted(panels, key=lambda name: (name != "loss", name == "learning_rate", name))
    with style.styled():
        figure = style.new_figure(
            max(1, min(len(names), COLUMNS)) * 3.4, 2.5 * max(1, -(-len(names) // COLUMNS))
        )
        for place, name in enumerate(names, 1):
            axes = figure.add_subplot(-(-len(names) // COLUMNS), min(len(names), COLUMNS), place)
            _panel(axes, name, panels[name])
        if not names:
            figure.text(0.5, 0.5, "no history", ha="center", color=style.GREY)
    return figure


def _panel(axes: Any, name: str, curves: Mapping[str, tuple[list[float], list[float]]]) -> None:
    colours = {"training": style.BLUE, "validation": style.ORANGE}
    for kind, (steps, values) in sorted(curves.items()):
        marker = "o" if len(steps) <= 30 else None
        axes.plot(steps, values, color=colours[kind], lw=1.6, marker=marker, ms=3, label=kind)
    axes.set_title(name.replace("_", " "), loc="left", fontweight="bold")
    axes.set_xlabel("step")
    axes.margins(x=0.02)
    if len(curves) > 1:
        axes.legend(fontsize=8)


def split_name(key: str) -> tuple[str, str]:
    """`validation_accuracy` -> ("accuracy", "validation"); `loss` -> ("loss", "training")."""
    for prefix in ("validation_", "val_"):
        if key.startswith(prefix):
            return key[len(prefix) :], "validation"
    return key.removeprefix("train_"), "training"


def _finite(value: Any) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool) and np.isfinite(value)
