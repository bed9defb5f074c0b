"""Files of pictures to answers, and the report's pictures."""

from __future__ import annotations

import numpy as np
import pytest
import tensorflow as tf

from perceiver_keras.tasks.image_classification import predict
from perceiver_keras.tasks.image_classification.model import ImageClassifier
from perceiver_keras.tasks.image_classification.presets import TINY
from tests.tasks.image_classification.pictures import png

RNG = np.random.default_rng(0)
PICTURES = RNG.integers(0, 256, (3, 8, 8)).astype(np.uint8)
PICTURES[:, 0, :2] = (
    0,
    255,
)  # drawn pictures are scaled to their own range: here it is the whole one


@pytest.fixture(scope="module")
def model():
    return ImageClassifier.from_preset("tiny")


def test_files_in_answers_and_their_picture_out(model, tmp_path):
    for number, picture in enumerate(PICTURES):
        (tmp_path / f"{number}.png").write_bytes(png(picture))
    contents = [request.content for request in predict.ASKING.requests([str(tmp_path)])]
    answers = model.answer(contents, top=2)
    logits = model(PICTURES[..., None] / np.float32(127.5) - 1).numpy()
    assert [one[0]["label"] for one in answers] == [str(i) for i in logits.argmax(-1)]
    figure = predict.ASKING.picture(contents, [], answers)
    shown = [axes.images[0].get_array() for axes in figure.axes if axes.images]
    expected = np.repeat(PICTURES[..., None], 3, -1) / 255
    np.testing.assert_allclose(shown, expected, atol=1e-6)


def test_the_report_shows_mistakes_first_and_counts_all(model):
    inputs = tf.constant(PICTURES[..., None] / np.float32(127.5) - 1)
    guesses = model(inputs).numpy().argmax(-1)
    truth = np.array([guesses[0], guesses[1], (guesses[2] + 1) % 10])
    names = [f"class {i}" for i in range(10)]
    figures = predict.report(model, inputs, tf.constant(truth), TINY, names)
    grid, matrix, _ = figures.values()
    titles = [axes.get_title() for axes in grid.axes]
    assert f"is class {truth[2]}" in titles[0]  # the mistake comes first
    assert not any("is class" in title for title in titles[1:])
    np.testing.assert_allclose(grid.axes[0].images[0].get_array(), PICTURES[2] / 255, atol=1e-6)
    counts = [int(text.get_text()) for text in matrix.axes[0].texts]
    assert sum(counts) == 3


def test_a_verdict_is_a_class_and_shows_its_picture(model):
    inputs = tf.constant(PICTURES[..., None] / np.float32(127.5) - 1)
    said = predict.verdicts(model, inputs, tf.constant([1, 2, 3]), TINY)
    logits = model(inputs).numpy().astype(float)
    expected = np.exp(logits) / np.exp(logits).sum(-1, keepdims=True)
    np.testing.assert_allclose(said.probabilities, expected, atol=1e-5)
    np.testing.assert_array_equal(said.truth, [1, 2, 3])
    np.testing.assert_array_equal(said.example(2), inputs[2])
