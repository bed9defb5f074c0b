"""Pictures of texts: with gaps that a model has filled in, or with the entities that it found."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from matplotlib.figure import Figure

from perceiver_keras.show import style

MOST = 14  # texts in one figure
WIDE = 100  # characters shown of a text
# Ten that are told apart, on white; more tags share them.
_TAGS = (
    *(style.BLUE, style.ORANGE, style.GREEN, style.RED, "#7c3aed"),
    *("#0e7490", "#be185d", "#854d0e", "#4d7c0f", "#1e293b"),
)
_FONT = {"family": "monospace", "va": "center", "ha": "left"}
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
    for piece in pieces:
        text = "".join(_shown(letter) for letter in piece.text)
        if place + len(text) > width:
            return
        colour = {None: style.GREY, True: style.GREEN, False: style.RED}[piece.right]
        weight = "normal" if piece.right is None else "bold"
        visible = text if piece.right is None else text.replace(" ", "␣")
        for offset, letter in enumerate(visible):
            axes.text(place + offset, row, letter, color=colour, weight=weight, fontsize=8, **_FONT)
        if piece.right is False:
            truth = "".join(_shown(letter) for letter in piece.truth).replace(" ", "␣")
            axes.text(place, row - 0.45, truth, color=style.INK, fontsize=5, **_FONT)
        place += len(text)


def tagged_texts(
    texts: Sequence[str], entities: Sequence[Sequence[Mapping[str, Any]]], count: int = MOST
) -> Figure:
    """The texts, each from a new line on, with every entity in the colour of its tag; the tags are named on top.

    Args:
      texts: Any length; more than `WIDE` characters go on in the next line.
      entities: Of each text: "entity", and its "start" and "end" in characters.
      count: At most this many lines.
    """
    lines = [
        (text[start : start + WIDE], start, found)
        for text, found in zip(texts, entities, strict=True)
        for start in range(0, max(len(text), 1), WIDE)
    ][:count]
    names = sorted({one["entity"] for found in entities for one in found})
    colours = {name: _TAGS[place % len(_TAGS)] for place, name in enumerate(names)}
    width = max([20, len(" ".join(names)), *(len(text) for text, _, _ in lines)])
    with style.styled():
        figure = style.new_figure(0.085 * width + 0.4, 0.34 * max(len(lines), 1) + 0.5)
        axes = figure.add_subplot(xlim=(-0.5, width), ylim=(len(lines) - 0.4, -1.6))
        style.bare(axes)
        place = 0
        for name in names:
            axes.text(place, -1.1, name, color=colours[name], fontsize=7, **_FONT)
            place += len(name) + 1
        for row, (text, start, found) in enumerate(lines):
            inks = [style.GREY] * len(text)
            for one in found:
                first, end = max(one["start"] - start, 0), min(one["end"] - start, len(text))
                if first < end:
                    inks[first:end] = [colours[one["entity"]]] * (end - first)
            for place, (letter, ink) in enumerate(zip(text, inks, strict=True)):
                weight = "normal" if ink == style.GREY else "bold"
                shown = _shown(letter)
                axes.text(place, row, shown, color=ink, weight=weight, fontsize=8, **_FONT)
    return figure


def _shown(letter: str) -> str:
    if letter in _SHOWN:
        return _SHOWN[letter]
    return letter if letter.isprintable() else "·"
