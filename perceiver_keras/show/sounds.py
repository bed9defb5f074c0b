"""Pictures of sounds: spectrograms with their true and their predicted classes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from matplotlib.figure import Figure

from perceiver_keras.show import style

COLUMNS = 4
MOST = 16  # sounds in one figure


def right_and_wrong(
    spectrograms: np.ndarray, truth: np.ndarray, scores: np.ndarray, names: Sequence[str]
) -> Figure:
    """Spectrograms [B, windows, bins] under the names of their classes: green if all are right, else red.

    Args:
      truth: bool [B, classes].
      scores: [B, classes] in [0, 1]; above one half means predicted. A class that was missed is marked –,
        one that was predicted wrongly +.
    """
    titles, colours = [], []
    for there, row in zip(truth[:MOST], scores[:MOST], strict=True):
        said = row > 0.5
        missed = [f"–{names[i]}" for i in np.flatnonzero(there & ~said)]
        invented = [f"+{names[i]}" for i in np.flatnonzero(~there & said)]
        found = [names[i] for i in np.flatnonzero(there & said)]
        titles.append(", ".join([*found, *missed, *invented]) or "nothing")
        colours.append(style.RED if missed or invented else style.GREEN)
    return _grid(spectrograms, titles, colours)


def answers(
    spectrograms: Sequence[np.ndarray], answers: Sequence[Sequence[Mapping[str, Any]]]
) -> Figure:
    """A user's own sounds, each with its likeliest labels."""
    titles = ["\n".join(f"{e['label']} {e['score']:.0%}" for e in entry[:3]) for entry in answers]
    return _grid(spectrograms, titles, [style.INK] * len(titles))


def scores_by_class(truth: np.ndarray, scores: np.ndarray, names: Sequence[str]) -> Figure:
    """For each of at most 20 classes, the scores of the examples that have it and of those that don't."""
    shown = np.argsort(-truth.sum(0), kind="stable")[:20]
    with style.styled():
        figure = style.new_figure(6, 0.32 * len(shown) + 1)
        axes = figure.add_subplot(xlabel="score", xlim=(-0.02, 1.02))
        for place, index in enumerate(shown):
            for there, colour, shift in ((False, style.GREY, -0.12), (True, style.BLUE, 0.12)):
                values = scores[truth[:, index] == there, index]
                axes.plot(values, np.full(len(values), place - shift), "|", color=colour, alpha=0.6)
        axes.set_yticks(range(len(shown)), [str(names[i])[:24] for i in shown])
        axes.invert_yaxis()
    return figure


def _grid(
    spectrograms: Sequence[np.ndarray], titles: Sequence[str], colours: Sequence[str]
) -> Figure:
    count = min(len(spectrograms), MOST)
    columns = min(COLUMNS, count)
    rows = -(-count // columns)
    with style.styled():
        figure = style.new_figure(columns * 2.4, rows * 1.9)
        for place in range(count):
            axes = figure.add_subplot(rows, columns, place + 1)
            axes.imshow(
                np.asarray(spectrograms[place]).T, origin="lower", aspect="auto", cmap="magma"
            )
            axes.set_title(titles[place], color=colours[place], fontsize=7)
            style.bare(axes)
    return figure
