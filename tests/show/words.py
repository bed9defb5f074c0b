"""What is written in a figure."""

from __future__ import annotations

from matplotlib.figure import Figure


def texts(figure: Figure) -> list[str]:
    """The title and the texts of each of its axes."""
    found = []
    for axes in figure.axes:
        found += [axes.get_title(), *(text.get_text() for text in axes.texts)]
    return [text for text in found if text]
