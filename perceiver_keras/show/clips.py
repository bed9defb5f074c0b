"""Pictures of clips: frames above their reconstructions, and the two sounds."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from matplotlib.figure import Figure

from perceiver_keras.show import style

FRAMES = 6  # of a clip, spread over it
MOST = 12  # clips in one figure


class Row(NamedTuple):
    """One clip: frames [T, H, W, 3] in [0, 1] and samples [S], each as given and as reconstructed (`_back`)."""

    frames: np.ndarray
    frames_back: np.ndarray
    sound: np.ndarray
    sound_back: np.ndarray
    title: str = ""


def reconstructions(rows: Sequence[Row]) -> Figure:
    """Each clip's frames above their reconstructions, with both waveforms to the right."""
    rows = rows[:MOST]
    columns = min(FRAMES, max(len(row.frames) for row in rows))
    with style.styled():
        figure = style.new_figure(columns * 1.1 + 3.6, len(rows) * 2.4)
        widths = [1.0] * columns + [3.2]
        grid = figure.add_gridspec(2 * len(rows), columns + 1, width_ratios=widths)
        for number, row in enumerate(rows):
            chosen = np.linspace(0, len(row.frames) - 1, columns).round().astype(int)
            for column, frame in enumerate(chosen):
                for line, frames in enumerate((row.frames, row.frames_back)):
                    axes = figure.add_subplot(grid[2 * number + line, column])
                    axes.imshow(np.clip(frames[frame], 0, 1))
                    style.bare(axes)
                    if column == 0:
                        axes.set_ylabel(("input", "output")[line], fontsize=8)
            _waves(figure.add_subplot(grid[2 * number : 2 * number + 2, columns]), row)
    return figure


def _waves(axes: object, row: Row) -> None:
    axes.plot(row.sound, color=style.GREY, linewidth=0.8, label="input")
    axes.plot(row.sound_back, color=style.BLUE, linewidth=0.8, alpha=0.8, label="output")
    axes.set_title(row.title or " ", fontsize=8)
    axes.tick_params(labelsize=7)
    axes.legend(fontsize=7, loc="upper right")
