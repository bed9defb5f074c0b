"""What a task asks for where it says nothing: files are requests, and pictures have bars of labels."""

from __future__ import annotations

import io

import numpy as np
import tensorflow as tf

from perceiver_keras.tasks.contract.asking import Asking, as_line


def asking() -> Asking:
    return Asking(pack=lambda contents: {}, answers=lambda *_: [], report=lambda *_: {})


def test_each_file_is_a_request_of_its_bytes(tmp_path):
    (tmp_path / "a.txt").write_bytes(b"one")
    (tmp_path / "b.txt").write_bytes(b"two")
    found = list(asking().requests([str(tmp_path)]))
    assert [request.content for request in found] == [b"one", b"two"]
    assert asking().formats == {} and asking().streams == {}


def test_a_picture_is_drawn_with_a_bar_per_label():
    shade = np.full([8, 8, 3], 200, np.uint8)
    answer = [{"label": "cat", "score": 0.75}, {"label": "dog", "score": 0.25}]
    figure = asking().picture([tf.io.encode_png(shade).numpy()], [{}], [answer])
    words = {text.get_text() for axes in figure.axes for text in axes.get_yticklabels()}
    words |= {text.get_text() for axes in figure.axes for text in axes.texts}
    assert {"cat", "dog"} <= {word.split()[0] for word in words if word}
    widths = [patch.get_width() for axes in figure.axes for patch in axes.patches]
    assert {0.75, 0.25} <= {round(float(width), 6) for width in widths}
    figure.savefig(io.BytesIO())


def test_answers_are_lines_for_people():
    cat, dog = {"label": "cat", "score": 0.98}, {"entity": "dog", "score": 0.01}
    assert as_line([cat, dog]) == "cat 98.0%  dog 1.0%"
    assert as_line([[{"token_str": "e", "score": 0.5}], [cat]]) == "e 50.0% | cat 98.0%"
    assert as_line({"label": "score", "score": 3.142}) == "score 3.142"
    assert as_line({"size": 3}) == "{'size': 3}"
