"""Sentences with their answers, and metrics with the trivial guess."""

from __future__ import annotations

from perceiver_keras.show import sentences, style


def shown(figure) -> list[tuple[str, str]]:
    """(text, colour) in reading order."""
    [axes] = figure.axes
    return [(text.get_text(), text.get_color()) for text in axes.texts]


def test_answers_are_green_where_right_and_red_where_wrong() -> None:
    said = [{"label": "yes", "score": 0.75}, {"label": "no", "score": 0.25}]
    rows = [("cola", "One.", "yes"), ("cola", "Two.", "no"), ("cola", "Three.", "")]
    figure = sentences.sentence_table(rows, [said] * 3)
    assert shown(figure) == [
        *(("cola", style.GREY), ("One.", style.INK), ("yes 75%", style.GREEN)),
        *(("cola", style.GREY), ("Two.", style.INK), ("yes 75%  (is no)", style.RED)),
        *(("cola", style.GREY), ("Three.", style.INK), ("yes 75%", style.GREY)),
    ]


def test_a_score_is_neither_right_nor_wrong() -> None:
    answers = [{"label": "similarity", "score": 4.26}]
    figure = sentences.sentence_table([("stsb", "A. B.", "5.0")], answers)
    assert shown(figure)[2] == ("4.3  (is 5.0)", style.GREY)


def test_a_dollar_sign_is_not_a_formula() -> None:
    text = "It costs $1 or $2 {"
    figure = sentences.sentence_table([("cola", text, "")], [[{"label": "$_", "score": 1}]])
    figure.canvas.draw()  # an invalid formula would raise here
    [_, (escaped, _), _] = shown(figure)
    assert escaped.replace(r"\$", "$") == text and escaped.count(r"\$") == 2


def test_long_and_many_sentences_are_cut() -> None:
    text = "word " * 40
    rows = [("cola", text, "")] * 30
    figure = sentences.sentence_table(rows, [[{"label": "yes", "score": 1}]] * 30)
    assert len(shown(figure)) == 3 * sentences.MOST
    cut = shown(figure)[1][0]
    assert len(cut) == sentences.WIDE and cut[-1] == "…" and text.startswith(cut[:-1])
    sentences.sentence_table([], []).canvas.draw()


def test_a_bar_per_metric_with_the_trivial_guess() -> None:
    values = {"cola_matthews": -0.25, "sst2_accuracy": 0.9, "other": 0.5}
    trivial = {"sst2_accuracy": 0.51, "cola_matthews": 0.0}
    [axes] = sentences.task_bars(values, trivial).axes
    assert [bar.get_width() for bar in axes.patches] == [-0.25, 0.9, 0.5]
    names = [label.get_text() for label in axes.get_yticklabels()]
    assert names == ["cola matthews", "sst2 accuracy", "other"]
    [marks] = axes.lines
    assert list(marks.get_xdata()) == [0.0, 0.51, 0.0]  # unknown: at zero
    assert [text.get_text() for text in axes.texts] == ["-0.25", "0.90", "0.50"]
    assert axes.get_xlim()[0] <= -0.25
