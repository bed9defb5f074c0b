"""Pictures of a classifier: some right and wrong answers, and which classes it confuses."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib.colors import to_rgb
from matplotlib.figure import Figure

from perceiver_keras.show import style

COLUMNS = 4  # so that words can be read on a phone
CELLS = 20  # up to as many classes, a matrix shows numbers
MOST_BLOCKS = 250  # on each side of a heat map
MOST_TICKS = 40


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


def confusion_matrix(truth: np.ndarray, probabilities: np.ndarray, names: Sequence[str]) -> Figure:
    """Counts of (true class, predicted class), coloured by the share of the true class.

    With more than `CELLS` classes, it is `heat_map`.
    """
    counts = confusion_counts(truth, np.asarray(probabilities).argmax(-1), len(names))
    if len(names) > CELLS:
        wrong = counts * (1 - np.eye(len(names), dtype=np.int64))
        pairs = {
            (int(t), int(g)): int(wrong[t, g]) for t, g in zip(*np.nonzero(wrong), strict=True)
        }
        return heat_map(counts.sum(1), np.diag(counts), pairs, names)
    share = counts / np.maximum(counts.sum(1, keepdims=True), 1)
    labels = [_short(name, 12) for name in names]
    size = max(3.4, 0.42 * len(names) + 1.2)
    with style.styled():
        figure = style.new_figure(size, size)
        axes = figure.add_subplot()
        axes.imshow(np.sqrt(share), cmap="Blues", vmin=0, vmax=1.15)
        axes.grid(False)
        for row, column in zip(*np.nonzero(counts), strict=True):
            dark = share[row, column] > 0.3  # where ink and red can't be read
            colour = "white" if dark else style.RED if row != column else style.INK
            text = str(counts[row, column])
            axes.text(column, row, text, ha="center", va="center", color=colour, fontsize=8)
        turn = 90 if max(map(len, labels), default=0) > 3 else 0
        axes.set_xticks(range(len(names)), labels, rotation=turn)
        axes.set_yticks(range(len(names)), labels)
        axes.tick_params(length=0)
        axes.set(xlabel="predicted", ylabel="true")
        for spine in axes.spines.values():
            spine.set_visible(False)
    return figure


def heat_map(
    support: Sequence[int],
    right: Sequence[int],
    pairs: Mapping[tuple[int, int], int],
    names: Sequence[str],
) -> Figure:
    """An overview of many classes: blue where answers are right, red where they are wrong.

    Colours are shares of the true class. Of more than `MOST_BLOCKS` classes, neighbours share a block, which shows
    the largest share in it: a single pair of confused classes can be seen among a million.

    Args:
      support: How many examples each class has [K].
      right: How many of them are named right [K].
      pairs: (true class, predicted class) -> how many wrong answers.
      names: The names of the K classes.
    """
    step = -(-len(names) // MOST_BLOCKS)
    blocks = -(-len(names) // step)
    some = np.maximum(np.asarray(support), 1)
    hits, misses = np.zeros([2, blocks, blocks])
    place = np.arange(len(names)) // step
    np.maximum.at(hits, (place, place), np.asarray(right) / some)
    if pairs:
        true, given = np.array(list(pairs)).T
        shares = np.array(list(pairs.values())) / some[true]
        np.maximum.at(misses, (true // step, given // step), shares)
    colours = np.ones([blocks, blocks, 3])
    # Square roots, so that a small share can be told from none.
    for shares, colour in ((hits, style.BLUE), (misses, style.RED)):
        strength = np.sqrt(shares)[..., None]
        colours = np.minimum(colours, 1 - strength * (1 - np.array(to_rgb(colour))))
    every = -(-blocks // MOST_TICKS)
    ticks = np.arange(0, blocks, every)
    labels = [_short(names[tick * step], 14) for tick in ticks]
    with style.styled():
        figure = style.new_figure(6.6, 6.6)
        axes = figure.add_subplot()
        axes.imshow(colours, interpolation="nearest")
        axes.grid(False)
        axes.set_xticks(ticks, labels, rotation=90, fontsize=6)
        axes.set_yticks(ticks, labels, fontsize=6)
        axes.tick_params(length=0)
        axes.set(xlabel="predicted", ylabel="true")
        for spine in axes.spines.values():
            spine.set_edgecolor(style.LINE)
    blocks_of = (
        f" A block is {step} neighbouring classes, and shows the largest share." if step > 1 else ""
    )
    named = " Every name stands for the classes up to the next one." if every * step > 1 else ""
    figure.set_label(
        f"All {len(names):,} classes. Blue, on the diagonal: right answers. Red: wrong ones. The deeper the colour, "
        f"the larger the share of the true class.{blocks_of}{named}"
    )
    return figure


def confusion_counts(truth: np.ndarray, guess: np.ndarray, classes: int) -> np.ndarray:
    """[true class, predicted class] counts, int64."""
    pairs = np.asarray(truth, np.int64) * classes + np.asarray(guess, np.int64)
    return np.bincount(pairs, minlength=classes * classes).reshape(classes, classes)


def _short(name: str, most: int = 10) -> str:
    first = str(name).split(",")[0]
    return first if len(first) <= most else first[: most - 1] + "…"
