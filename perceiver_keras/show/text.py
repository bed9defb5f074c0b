"""Pictures of texts whose gaps a model has filled in."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from matplotlib.figure import Figure

from perceiver_keras.show import style

MOST = 14  # texts in one figure
WIDE = 100  # characters shown of a text
_SHOWN = {"\n": "↵", "\r": "↵", "\t": "→"}


class Piece(NamedTuple):
    """A token of a text as it is shown; `right` is None if the model was not asked for it."""

    text: str
    right: bool | None = None
    truth: str = ""


def filled_texts(texts: Sequence[Sequence[Piece]], title: str, count: int = MOST) -> Figure:
    """One line per text: given pieces in grey, correct ones in green, wrong ones in red with the truth above.

    Args:
      texts: The pieces of each text in reading order.
      title: A line above the texts.
      count: At most this many texts.
    """
    texts = texts[:count]
    widest = max((sum(len(p.text) for p in pieces) for pieces in texts), default=1)
    width = max(min(widest, WIDE), 20)
    with style.styled():
        figure = style.new_figure(0.085 * width + 0.4, 0.34 * max(len(texts), 1) + 0.5)
        axes = figure.add_subplot(xlim=(-0.5, width), ylim=(len(texts) - 0.4, -0.7))
        axes.set_title(title, loc="left")
        style.bare(axes)
        for row, pieces in enumerate(texts):
            _line(axes, row, pieces, width)
    return figure


def _line(axes, row: int, pieces: Sequence[Piece], width: int) -> None:
    place = 0
    font = {"family": "monospace", "va": "center", "ha": "left"}
    for piece in pieces:
        text = "".join(_shown(letter) for letter in piece.text)
        if place + len(text) > width:
            return
        colour = {None: style.GREY, True: style.GREEN, False: style.RED}[piece.right]
        weight = "normal" if piece.right is None else "bold"
        visible = text if piece.right is None else text.replace(" ", "␣")
        for offset, letter in enumerate(visible):
            axes.text(place + offset, row, letter, color=colour, weight=weight, fontsize=8, **font)
        if piece.right is False:
            truth = "".join(_shown(letter) for letter in piece.truth).replace(" ", "␣")
            axes.text(place, row - 0.45, truth, color=style.INK, fontsize=5, **font)
        place += len(text)


def _shown(letter: str) -> str:
    if letter in _SHOWN:
        return _SHOWN[letter]
    return letter if letter.isprintable() else "·"
