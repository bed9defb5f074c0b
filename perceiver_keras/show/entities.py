"""Sets of entities for people: battlefields with targets, chances of each entity, accuracy by the size of the set."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib.figure import Figure

from perceiver_keras.show import style

COLUMNS = 4
MOST = 8  # sets in one figure


def battlefields(
    columns: Mapping[str, np.ndarray], real: np.ndarray, truth: np.ndarray, guess: np.ndarray
) -> Figure:
    """Units by place, as large as healthy; an arrow from the acting one to its target, a red one to a wrong guess.

    Args:
      columns: "x", "y", "enemy", "acting", "health", each [B, E].
      real: bool [B, E].
      truth: Rows of the targets [B].
      guess: Rows of what is said to be [B].
    """
    count = min(len(real), MOST)
    rows = -(-count // COLUMNS)
    with style.styled():
        figure = style.new_figure(COLUMNS * 2.2, rows * 2.4)
        for index in range(count):
            axes = figure.add_subplot(
                rows, COLUMNS, index + 1, xlim=(-0.08, 1.08), ylim=(-0.08, 1.08)
            )
            at = {name: column[index][real[index]] for name, column in columns.items()}
            colours = np.where(at["enemy"] > 0, style.ORANGE, style.BLUE)
            axes.scatter(
                at["x"], at["y"], 30 + 120 * at["health"], colours, alpha=0.8, linewidths=0
            )
            place = np.stack([columns["x"][index], columns["y"][index]], -1)
            actor = place[columns["acting"][index].argmax()]
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
    """For each set a bar for each entity: the probability that it is the target."""
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
    """The share of right targets and winners among sets of each size."""
    sizes = np.asarray(mask).astype(int).sum(1)
    shown = np.unique(sizes)
    with style.styled():
        figure = style.new_figure(5, 2.6)
        axes = figure.add_subplot(xlabel="entities", ylabel="share right", ylim=(0, 1.02))
        for right, name, colour in (
            (target_right, "target", style.BLUE),
            (winner_right, "winner", style.ORANGE),
        ):
            axes.plot(
                shown, [right[sizes == s].mean() for s in shown], "o-", color=colour, label=name
            )
        axes.legend()
    return figure
