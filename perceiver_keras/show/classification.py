"""Pictures of a classifier: some right and wrong answers, and which classes it confuses."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from matplotlib.figure import Figure

from perceiver_keras.show import style

COLUMNS = 8


def prediction_grid(
    pictures: np.ndarray,
    truth: np.ndarray,
    probabilities: np.ndarray,
    names: Sequence[str],
    count: int = 16,
) -> Figure:
    """Half are wrong, the most confident mistakes first; half are right, the least confident first.

    The figure's label is its caption.

    Args:
      pictures: [B, H, W, C], any range.
      truth: Classes, integers [B].
      probabilities: [B, K].
      names: The names of the K classes.
      count: At most this many pictures.
    """
    truth, probabilities = np.asarray(truth), np.asarray(probabilities)
    guess, score = probabilities.argmax(-1), probabilities.max(-1)
    chosen = choose(truth == guess, score, count)
    rows = max(1, -(-len(chosen) // COLUMNS))
    with style.styled():
        figure = style.new_figure(COLUMNS * 1.1, rows * 1.5)
        for place, index in enumerate(chosen, 1):
            axes = figure.add_subplot(rows, COLUMNS, place)
            style.draw_picture(axes, pictures[index])
            right = truth[index] == guess[index]
            said = f"{_short(names[guess[index]])} {score[index]:.0%}"
            text = said if right else f"{said}\nis {_short(names[truth[index]])}"
            axes.set_title(text, color=style.GREEN if right else style.RED, fontsize=8, pad=4)
        if not len(chosen):
            figure.text(0.5, 0.5, "no pictures", ha="center", color=style.GREY)
    figure.set_label(
        "The most confident mistakes and the least confident right answers, with the model's probability."
    )
    return figure


def choose(right: np.ndarray, score: np.ndarray, count: int) -> np.ndarray:
    """Indices of the most confident wrong, then the least confident right; if one is short, the other fills up."""
    wrong = np.flatnonzero(~right)[np.argsort(-score[~right], kind="stable")]
    correct = np.flatnonzero(right)[np.argsort(score[right], kind="stable")]
    num_wrong = min(len(wrong), max(count // 2, count - len(correct)))
    return np.concatenate([wrong[:num_wrong], correct[: count - num_wrong]])


def confusion_matrix(
    truth: np.ndarray, probabilities: np.ndarray, names: Sequence[str], max_classes: int = 20
) -> Figure:
    """Counts of (true class, predicted class), coloured by the share of the true class.

    With more than `max_classes` classes, only those with the most mistakes are shown.
    """
    counts = confusion_counts(truth, np.asarray(probabilities).argmax(-1), len(names))
    shown = np.arange(len(names))
    note = ""
    if len(names) > max_classes:
        mistakes = counts.sum(0) + counts.sum(1) - 2 * np.diag(counts)
        shown = np.sort(np.argsort(-mistakes, kind="stable")[:max_classes])
        note = f"the {max_classes} of {len(names)} classes with the most mistakes"
    cells = counts[np.ix_(shown, shown)]
    share = cells / np.maximum(counts[shown].sum(1, keepdims=True), 1)
    labels = [_short(names[i], 12) for i in shown]
    size = max(3.4, 0.42 * len(shown) + 1.2)
    with style.styled():
        figure = style.new_figure(size, size)
        axes = figure.add_subplot()
        axes.imshow(np.sqrt(share), cmap="Blues", vmin=0, vmax=1.15)
        axes.grid(False)
        for row, column in zip(*np.nonzero(cells), strict=True):
            dark = share[row, column] > 0.3  # where ink and red can't be read
            colour = "white" if dark else style.RED if row != column else style.INK
            text = str(cells[row, column])
            axes.text(column, row, text, ha="center", va="center", color=colour, fontsize=8)
        turn = 90 if max(map(len, labels), default=0) > 3 else 0
        axes.set_xticks(range(len(shown)), labels, rotation=turn)
        axes.set_yticks(range(len(shown)), labels)
        axes.tick_params(length=0)
        axes.set(xlabel="predicted", ylabel="true", title=note)
        for spine in axes.spines.values():
            spine.set_visible(False)
    return figure


def confusion_counts(truth: np.ndarray, guess: np.ndarray, classes: int) -> np.ndarray:
    """[true class, predicted class] counts, int64."""
    pairs = np.asarray(truth, np.int64) * classes + np.asarray(guess, np.int64)
    return np.bincount(pairs, minlength=classes * classes).reshape(classes, classes)


def _short(name: str, most: int = 10) -> str:
    first = str(name).split(",")[0]
    return first if len(first) <= most else first[: most - 1] + "…"
