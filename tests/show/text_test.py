"""Texts with filled-in gaps or entities: which letters are shown, and in which colours."""

from __future__ import annotations

from perceiver_keras.show import style
from perceiver_keras.show.text import WIDE, Piece, filled_texts, tagged_texts


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


def test_entities_have_the_colour_of_their_tag_which_is_named_on_top() -> None:
    found = [
        {"entity": "NAME", "start": 0, "end": 2},
        {"entity": "OP", "start": 3, "end": 4},
        {"entity": "NAME", "start": 5, "end": 6},
    ]
    [axes] = tagged_texts(["ab + é\n"], [found]).axes
    shown = [(*text.get_position(), text.get_text(), text.get_color()) for text in axes.texts]
    letters = {(x, text): ink for x, y, text, ink in shown if y == 0}
    names, signs = letters[0, "a"], letters[3, "+"]
    assert letters == {
        (0, "a"): names,
        (1, "b"): names,
        (2, " "): style.GREY,
        (3, "+"): signs,
        (4, " "): style.GREY,
        (5, "é"): names,
        (6, "↵"): style.GREY,
    }
    assert len({names, signs, style.GREY}) == 3
    assert {(text, ink) for _, y, text, ink in shown if y < 0} == {("NAME", names), ("OP", signs)}


def test_an_entity_goes_on_in_the_next_line() -> None:
    text = "x" * (WIDE + 5)
    entity = {"entity": "NAME", "start": WIDE - 1, "end": WIDE + 2}
    [axes] = tagged_texts([text, ""], [[entity], []]).axes
    bold = [text.get_position() for text in axes.texts if text.get_weight() == "bold"]
    assert bold == [(WIDE - 1, 0), (0, 1), (1, 1)]


def test_ten_tags_have_ten_colours() -> None:
    found = [{"entity": f"T{i}", "start": i, "end": i + 1} for i in range(10)]
    [axes] = tagged_texts(["0123456789"], [found]).axes
    assert len({text.get_color() for text in axes.texts if text.get_position()[1] == 0}) == 10
