"""Pictures of entity sets: battlefields with targets, each entity's probability, accuracy by the size of the set."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib.figure import Figure

from perceiver_keras.show import style

COLUMNS = 4
MOST = 8  # sets in one figure


def battlefields(
    features: Mapping[str, np.ndarray], real: np.ndarray, truth: np.ndarray, guess: np.ndarray
) -> Figure:
    """Units at their places, the healthier the larger, and the acting unit's target.

    An arrow leads from the acting unit to its target, a red one to a wrong guess.

    Args:
      features: "x", "y", "enemy", "acting", "health", each [B, E].
      real: bool [B, E].
      truth: The targets' rows [B].
      guess: The predicted targets' rows [B].
    """
    count = min(len(real), MOST)
    rows = -(-count // COLUMNS)
    with style.styled():
        figure = style.new_figure(COLUMNS * 2.2, rows * 2.4)
        for index in range(count):
            axes = figure.add_subplot(
                rows, COLUMNS, index + 1, xlim=(-0.08, 1.08), ylim=(-0.08, 1.08)
            )
            at = {name: values[index][real[index]] for name, values in features.items()}
            colours = np.where(at["enemy"] > 0, style.ORANGE, style.BLUE)
            axes.scatter(
                at["x"], at["y"], 30 + 120 * at["health"], colours, alpha=0.8, linewidths=0
            )
            place = np.stack([features["x"][index], features["y"][index]], -1)
            actor = place[features["acting"][index].argmax()]
            right = truth[index] == guess[index]
            for row, colour in ((truth[index], style.INK), (guess[index], style.RED))[
                : 1 + (not right)
            ]:
                arrow = {"arrowstyle": "->", "color": colour}
                axes.annotate("", place[row], actor, arrowprops=arrow)
            axes.set_title("right" if right else "wrong", color=style.GREEN if right else style.RED)
            style.bare(axes)
    return figure


def pointers(chances: Sequence[np.ndarray], titles: Sequence[str]) -> Figure:
    """One panel per set with one bar per entity: the probability that it is the target."""
    count = min(len(chances), 2 * MOST)
    columns = min(COLUMNS, count)
    rows = -(-count // columns)
    with style.styled():
        figure = style.new_figure(columns * 2.4, rows * 1.8)
        for index in range(count):
            axes = figure.add_subplot(rows, columns, index + 1, ylim=(0, 1), title=titles[index])
            axes.bar(range(len(chances[index])), chances[index], color=style.BLUE)
            axes.tick_params(labelsize=7)
    return figure


def by_size(mask: np.ndarray, target_right: np.ndarray, winner_right: np.ndarray) -> Figure:
    """The share of correct targets and winners among the sets of each size."""
    sizes = np.asarray(mask).astype(int).sum(1)
    shown = np.unique(sizes)
    with style.styled():
        figure = style.new_figure(5, 2.6)
        axes = figure.add_subplot(xlabel="entities", ylabel="share correct", ylim=(0, 1.02))
        for right, name, colour in (
            (target_right, "target", style.BLUE),
            (winner_right, "winner", style.ORANGE),
        ):
            axes.plot(
                shown, [right[sizes == s].mean() for s in shown], "o-", color=colour, label=name
            )
        axes.legend()
    return figure
