"""Texts with filled-in gaps: which letters are shown, and in which colours."""

from __future__ import annotations

from perceiver_keras.show import style
from perceiver_keras.show.text import Piece, filled_texts


def test_right_and_wrong_fillings_by_colour_with_the_truth_above() -> None:
    pieces = [Piece("a\n"), Piece("b", True), Piece(" "), Piece("x", False, "y")]
    figure = filled_texts([pieces, [Piece("z" * 300)]], "1 of 2")
    [axes] = figure.axes
    shown = {(text.get_text(), text.get_color()) for text in axes.texts}
    assert shown == {
        ("a", style.GREY),
        ("↵", style.GREY),
        ("b", style.GREEN),
        (" ", style.GREY),
        ("x", style.RED),
        ("y", style.INK),
    }
    assert axes.get_title(loc="left") == "1 of 2"
    figure.canvas.draw()
    filled_texts([], "nothing").canvas.draw()
