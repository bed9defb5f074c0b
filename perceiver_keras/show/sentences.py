"""Pictures of sentences: the answer for each, and every task's metric next to the trivial guess."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from matplotlib.figure import Figure

from perceiver_keras.show import style

MOST = 16  # sentences in one figure
WIDE = 78  # characters shown of a sentence


def sentence_table(
    rows: Sequence[tuple[str, str, str]], answers: Sequence[Any], count: int = MOST
) -> Figure:
    """One line per sentence: the task, the text and the answer, green if it is right and red if it is not.

    Args:
      rows: (task, text, correct answer or "").
      answers: For each row, [{"label", "score"}, …] with the likeliest first, or one {"label", "score"} for a score.
      count: At most this many lines.
    """
    shown = list(zip(rows, answers, strict=True))[:count]
    with style.styled():
        figure = style.new_figure(10, 0.5 + 0.3 * max(len(shown), 1))
        axes = figure.add_subplot(xlim=(0, 1), ylim=(max(len(shown), 1) - 0.3, -0.7))
        style.bare(axes)
        for line, ((task, text, right), answer) in enumerate(shown):
            is_score = isinstance(answer, dict)
            best = answer if is_score else answer[0]
            said = f"{best['score']:.1f}" if is_score else f"{best['label']} {best['score']:.0%}"
            good = not right or is_score or best["label"] == right
            if right and (is_score or not good):
                said += f"  (is {right})"
            colour = style.GREY if is_score or not right else style.GREEN if good else style.RED
            text = text if len(text) <= WIDE else text[: WIDE - 1] + "…"
            for x, words, ink in (
                (0, task, style.GREY),
                (0.1, text, style.INK),
                (0.7, said, colour),
            ):
                # "$" would start a formula.
                axes.text(x, line, words.replace("$", r"\$"), color=ink, fontsize=8, va="center")
    return figure


def task_bars(values: Mapping[str, float], trivial: Mapping[str, float]) -> Figure:
    """One bar per metric, with a mark at the value of the trivial guess.

    Args:
      values: Metric's name -> value, -1 to 1.
      trivial: The same for the trivial guess.
    """
    names = list(values)
    with style.styled():
        figure = style.new_figure(6, 0.6 + 0.24 * len(names))
        axes = figure.add_subplot(xlim=(min(0, *values.values()), 1.12))
        places = range(len(names))
        axes.barh(places, list(values.values()), color=style.BLUE, height=0.6)
        marks = [trivial.get(name, 0.0) for name in names]
        axes.plot(marks, places, "|", color=style.ORANGE, markersize=11, markeredgewidth=2)
        axes.set_yticks(places, [name.replace("_", " ") for name in names])
        axes.invert_yaxis()
        for place, value in enumerate(values.values()):
            axes.text(max(value, 0) + 0.01, place, f"{value:.2f}", va="center", fontsize=8)
        axes.set_title("| the trivial guess", color=style.ORANGE, loc="right")
    return figure
