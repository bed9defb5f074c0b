"""From words of the command line to requests, and pictures of the fillings."""

from __future__ import annotations

import numpy as np
import pytest

from perceiver_keras.errors import UsageError
from perceiver_keras.tasks.language_mlm import predict
from tests.tasks.language_mlm.small import TEXTS, served


def test_words_of_the_command_line(tmp_path):
    lines = tmp_path / "lines.txt"
    lines.write_bytes(b"one [MASK]\n\n\xff two\n")
    found = list(predict.requests(["a [MASK]", str(lines), "x" * 5000]))
    assert [request.content for request in found] == [
        b"a [MASK]",
        b"one [MASK]",
        b"\xff two",
        b"x" * 5000,
    ]
    assert found[2].name == f"{lines}:3" and not any(request.error for request in found)
    with pytest.raises(UsageError, match="Name a text"):
        list(predict.requests([]))


def test_a_picture_of_the_fillings():
    outputs = [{name: value[row] for name, value in served().items()} for row in range(len(TEXTS))]
    figure = predict.picture(TEXTS, outputs, [])
    figure.canvas.draw()
    assert np.asarray(figure.canvas.buffer_rgba()).std() > 0


def test_a_picture_shows_the_best_candidate_in_its_place():
    output = {"text": b"ab[MASK]ef", "token": np.array([[b"Q", b"R"]], object)}
    figure = predict.picture([b"ab[MASK]ef"], [output], [])
    letters = [(text.get_position()[0], text.get_text()) for text in figure.axes[0].texts]
    assert "".join(letter for _, letter in sorted(letters)) == "abQef"
    assert {text.get_weight() for text in figure.axes[0].texts if text.get_text() == "Q"} == {
        "bold"
    }


def test_a_text_without_a_mask_says_so():
    assert predict.line([]) == "no [MASK] in it, so nothing is filled in"
    assert predict.line([{"token_str": "e", "score": 0.5}]) == "e 50.0%"
