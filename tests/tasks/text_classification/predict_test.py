"""Texts, pairs and files as requests, answers with Hugging Face's keys, and the report's pictures."""

from __future__ import annotations

import numpy as np
import pytest
import tensorflow as tf

from perceiver_keras.errors import UsageError
from perceiver_keras.tasks.text_classification import predict
from perceiver_keras.tasks.text_classification.data import prepare
from tests.tasks.text_classification.small import CONFIG, LABELS, NUMBERS, PAIRS, small_model


def asked(*words):
    return [(request.content, request.error) for request in predict.requests(words)]


def test_requests_are_texts_pairs_and_lines_of_files(tmp_path):
    file = tmp_path / "lines.txt"
    file.write_bytes(b"one\n\ntwo ||| zwei\n")
    assert asked("a text", "first ||| second", str(file)) == [
        *((b"a text", ""), ((b"first", b"second"), "")),
        *((b"one", ""), ((b"two", b"zwei"), "")),
    ]
    (found,) = asked("first |||")
    assert found[0] is None and "a text of the pair is empty" in found[1]
    with pytest.raises(UsageError, match="Name a text"):
        asked()


def test_answers_have_hugging_face_s_keys():
    outputs = {"probabilities": np.float32([[0.2, 0.7, 0.1]]), "cut": np.int32([0])}
    assert predict.answers(outputs, LABELS, 2) == [
        [{"label": "good", "score": 0.7}, {"label": "bad", "score": 0.2}]
    ]
    outputs = {"score": np.float32([-2.5]), "cut": np.int32([0])}
    assert predict.answers(outputs, None, 2) == [{"label": "score", "score": -2.5}]


def shown(figure):
    return " ".join(text.get_text() for axes in figure.axes for text in axes.texts)


def batch(config, texts, labels):
    rows = [
        prepare(
            {"text": tf.constant(t), "text2": tf.constant(b"zwei"), "label": tf.constant(label)},
            *(config, False, tf.constant([0, 0])),
        )
        for t, label in zip(texts, labels, strict=True)
    ]
    return tf.nest.map_structure(lambda *parts: tf.stack(parts), *rows)


def test_the_picture_has_the_texts_and_their_answers():
    contents = [b"a text", (b"eins", b"zwei")]
    said = [[{"label": "good", "score": 0.75}], [{"label": "bad", "score": 0.5}]]
    words = shown(predict.picture(contents, [], said))
    assert "a text" in words and "eins ||| zwei" in words and "good 75%" in words


def test_the_report_shows_texts_right_and_wrong():
    model = small_model(PAIRS)
    inputs, _ = batch(PAIRS, [b"eins", b"drei $5"], [np.int64(0)] * 2)
    best = model(inputs).numpy().argmax(-1)
    truth = np.array([best[0], (best[1] + 1) % 3])
    table, matrix = predict.report(model, inputs, tf.constant(truth), PAIRS, LABELS).values()
    words = shown(table)
    assert "eins ||| zwei" in words and f"(is {LABELS[truth[1]]})" in words
    assert matrix.axes[0].get_xlabel() == "predicted"


def test_the_report_of_numbers_shows_the_largest_errors_first():
    model = small_model(NUMBERS)
    inputs, _ = batch(NUMBERS, [b"eins", b"drei"], [np.float32(0)] * 2)
    said = model(inputs).numpy()[:, 0]
    truth = np.float32([said[0] + 1, said[1] + 1000])
    table, dots = predict.report(model, inputs, tf.constant(truth), NUMBERS, None).values()
    words = shown(table)
    assert words.index("drei") < words.index("eins") and f"(is {truth[1]:.1f})" in words
    points = dots.axes[0].lines[1].get_xydata()
    np.testing.assert_allclose(points, np.stack([truth, said], 1), rtol=1e-5)
    assert CONFIG.model.num_classes == 3


def test_a_verdict_is_a_class_and_shows_its_text():
    model = small_model(PAIRS)
    inputs, _ = batch(PAIRS, [b"eins", b"drei $5"], [np.int64(0)] * 2)
    said = predict.verdicts(model, inputs, tf.constant([0, 2]), PAIRS)
    np.testing.assert_array_equal(said.probabilities.argmax(-1), model(inputs).numpy().argmax(-1))
    np.testing.assert_allclose(said.probabilities.sum(-1), 1, rtol=1e-5)
    assert said.truth.tolist() == [0, 2] and said.example(0) == "eins ||| zwei"


def test_numbers_are_no_verdicts():
    inputs, _ = batch(NUMBERS, [b"eins"], [np.float32(0)])
    assert predict.verdicts(small_model(NUMBERS), inputs, tf.constant([0.0]), NUMBERS) is None
