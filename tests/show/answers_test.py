"""A user's images with the model's answers below them."""

from __future__ import annotations

import io

import numpy as np
import pytest
from PIL import Image

from perceiver_keras.errors import UsageError
from perceiver_keras.show import answers, style
from tests.show.words import texts


def png_of(array: np.ndarray) -> bytes:
    buffer = io.BytesIO()
    Image.fromarray(array).save(buffer, "png")
    return buffer.getvalue()


def test_answers_are_below_their_images() -> None:
    content = png_of(np.zeros((5, 7), np.uint8))
    entries = [{"label": "cat", "score": 0.75}, {"label": "dog", "score": 0.25}]
    figure = answers.answer_grid([content] * 5, [entries] * 5)
    assert len(figure.axes) == 10
    assert texts(figure).count("75%") == 5
    assert style.to_png(figure).startswith(b"\x89PNG")


def test_answers_about_anything_but_images_are_refused() -> None:
    with pytest.raises(UsageError, match="only for images"):
        answers.answer_grid([b"a sentence"], [[{"label": "x", "score": 1.0}]])
    with pytest.raises(UsageError, match="labels with scores"):
        answers.answer_grid([png_of(np.zeros((2, 2), np.uint8))], [[{"text": "x"}]])


def test_an_image_has_the_bars_of_its_own_answers() -> None:
    images = np.random.default_rng(0).integers(0, 256, (3, 5, 7, 3), np.uint8)
    entries = [
        [{"label": f"image {i}", "score": 0.6}, {"label": "another", "score": 0.4 - i / 10}]
        for i in range(3)
    ]
    figure = answers.answer_grid([png_of(image) for image in images], entries, count=2)
    assert len(figure.axes) == 2 * 2
    for i, (picture, bars) in enumerate(zip(figure.axes[::2], figure.axes[1::2], strict=True)):
        shown = picture.images[0].get_array()
        low, high = images[i].min(), images[i].max()
        np.testing.assert_allclose(shown, (images[i] - float(low)) / (high - low), atol=1e-6)
        assert [bar.get_width() for bar in bars.patches] == [0.6, 0.4 - i / 10]
        assert [label.get_text() for label in bars.get_yticklabels()] == [f"image {i}", "another"]
