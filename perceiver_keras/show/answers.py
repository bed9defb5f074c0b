"""A classifier's answers about a user's own images: each image with its answers below it."""

from __future__ import annotations

import io
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from matplotlib.figure import Figure
from PIL import Image, UnidentifiedImageError

from perceiver_keras.errors import UsageError
from perceiver_keras.show import style

COLUMNS = 4
MOST = 40  # images in one figure


def answer_grid(
    contents: Sequence[bytes], answers: Sequence[Sequence[Mapping[str, Any]]], count: int = MOST
) -> Figure:
    """Images with bars for their top answers.

    Args:
      contents: Encoded images.
      answers: For each image, [{"label", "score"}, …], best first.
      count: At most this many images.

    Raises:
      UsageError: the contents are not images, or the answers are not labels with scores.
    """
    pictures = [_decode(content) for content in contents[:count]]
    columns = min(COLUMNS, len(pictures))
    rows = -(-len(pictures) // columns)
    most = max(min(len(entry), 5) for entry in answers[: len(pictures)])
    with style.styled():
        figure = style.new_figure(columns * 2.2, rows * (2.2 + 0.24 * most))
        grid = figure.add_gridspec(2 * rows, columns, height_ratios=[2.0, 0.24 * most] * rows)
        for index, picture in enumerate(pictures):
            row, column = divmod(index, columns)
            style.draw_picture(figure.add_subplot(grid[2 * row, column]), picture)
            _bars(figure.add_subplot(grid[2 * row + 1, column]), answers[index][:5])
    return figure


def _decode(content: bytes) -> np.ndarray:
    try:
        with Image.open(io.BytesIO(content)) as picture:
            return np.asarray(picture.convert("RGB"))
    except (UnidentifiedImageError, OSError) as error:
        raise UsageError(f"-o can draw answers only for images ({error}).") from None


def _bars(axes: Any, entries: Sequence[Mapping[str, Any]]) -> None:
    if not all("label" in entry and "score" in entry for entry in entries):
        raise UsageError("-o can draw only labels with scores; use --save or --json.")
    places = range(len(entries))
    axes.barh(places, [entry["score"] for entry in entries], color=style.BLUE, height=0.55)
    axes.set_yticks(places, [str(entry["label"])[:16] for entry in entries])
    axes.set(xlim=(0, 1.3), xticks=[])
    axes.invert_yaxis()
    axes.grid(False)
    axes.tick_params(length=0, labelsize=8)
    for place, entry in zip(places, entries, strict=True):
        axes.text(entry["score"] + 0.03, place, f"{entry['score']:.0%}", va="center", fontsize=8)
    for spine in axes.spines.values():
        spine.set_visible(False)
