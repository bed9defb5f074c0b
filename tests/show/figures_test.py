"""What the figures show: which pictures, which counts, where the attention lies."""

from __future__ import annotations

import io

import numpy as np
import pytest
from PIL import Image

from perceiver_keras.errors import UsageError
from perceiver_keras.show import answers, attention, classification, curves, style


def texts(figure) -> list[str]:
    """Everything written in a figure's axes."""
    found = []
    for axes in figure.axes:
        found += [axes.get_title(), *(text.get_text() for text in axes.texts)]
    return [text for text in found if text]


def png_of(array: np.ndarray) -> bytes:
    buffer = io.BytesIO()
    Image.fromarray(array).save(buffer, "png")
    return buffer.getvalue()


# === Style ===


def test_pictures_of_any_range_become_zero_to_one() -> None:
    ramp = np.linspace(-5, 20, 12).reshape(3, 4, 1)
    shown = style.displayable(ramp)
    assert shown.shape == (3, 4) and shown.min() == 0 and shown.max() == 1
    assert np.all(np.diff(shown.ravel()) > 0)
    assert style.displayable(np.full((2, 2, 3), 7)).shape == (2, 2, 3)
    assert np.isfinite(style.displayable(np.array([[[np.nan], [np.inf]]]))).all()
    assert style.displayable(np.ones((2, 2, 5))).shape == (2, 2, 3)


# === Classification ===


def test_confusion_counts_are_true_by_predicted() -> None:
    counts = classification.confusion_counts(np.array([0, 0, 1, 2]), np.array([0, 1, 1, 0]), 3)
    np.testing.assert_array_equal(counts, [[1, 1, 0], [0, 1, 0], [1, 0, 0]])


def test_the_matrix_shows_each_count_and_no_zeros() -> None:
    probabilities = np.eye(3)[[0, 1, 1, 0]]
    figure = classification.confusion_matrix(np.array([0, 0, 1, 2]), probabilities, ["a", "b", "c"])
    assert sorted(texts(figure)) == ["1", "1", "1", "1"]
    [axes] = figure.axes
    assert [label.get_text() for label in axes.get_yticklabels()] == ["a", "b", "c"]


def test_of_many_classes_the_most_confused_are_shown() -> None:
    truth = np.repeat(np.arange(30), 2)
    guess = truth.copy()
    guess[truth == 7] = 23
    figure = classification.confusion_matrix(
        truth, np.eye(30)[guess], [f"c{i}" for i in range(30)], max_classes=5
    )
    [axes] = figure.axes
    shown = [label.get_text() for label in axes.get_yticklabels()]
    assert len(shown) == 5 and {"c7", "c23"} <= set(shown)
    assert "5 of 30 classes" in axes.get_title()


def test_half_are_the_surest_mistakes_half_the_least_sure_right_ones() -> None:
    right = np.array([True, False, True, False, True, False])
    score = np.array([0.9, 0.8, 0.3, 0.95, 0.5, 0.4])
    np.testing.assert_array_equal(classification.choose(right, score, 4), [3, 1, 2, 4])
    np.testing.assert_array_equal(classification.choose(right, score, 6), [3, 1, 5, 2, 4, 0])
    np.testing.assert_array_equal(classification.choose(~right, score, 100), [0, 4, 2, 5, 1, 3])
    np.testing.assert_array_equal(classification.choose(np.ones(3, bool), score[:3], 2), [2, 1])


def test_a_wrong_picture_says_what_it_is() -> None:
    probabilities = np.array([[0.9, 0.1], [0.2, 0.8]])
    figure = classification.prediction_grid(
        np.zeros((2, 4, 4, 1)), np.array([0, 0]), probabilities, ["cat", "dog"]
    )
    assert texts(figure) == ["dog 80%\nis cat", "cat 90%"]


# === Attention ===


@pytest.mark.parametrize(
    ("positions", "picture", "expected"),
    [
        (64, (8, 8), (8, 8)),
        (50176, (224, 224), (224, 224)),
        (3136, (224, 224), (56, 56)),
        (35, (20, 28), (5, 7)),
    ],
)
def test_positions_are_laid_out_as_the_picture(positions, picture, expected) -> None:
    assert attention.grid_of(positions, *picture) == expected


def test_positions_that_are_no_grid_are_refused() -> None:
    with pytest.raises(ValueError, match="17 attended positions"):
        attention.grid_of(17, 8, 8)


def test_the_sharpest_latents_with_places_of_their_own_come_first() -> None:
    weights = np.full((1, 4, 9), 1 / 9)
    weights[0, 2] = np.eye(9)[4]
    weights[0, 3] = (
        0.99 * np.eye(9)[4] + 0.01 / 9
    )  # the same place as latent 2, a little less sharp
    weights[0, 1] = 0.8 * np.eye(9)[7] + 0.2 / 9
    assert attention.sharpest(weights, 3) == [2, 1, 0]
    assert attention.sharpest(weights, 4) == [2, 1, 0, 3]


def test_a_map_lies_on_its_picture_row_by_row() -> None:
    weights = np.zeros((2, 1, 3, 64), np.float32)
    weights[..., 8 * 2 + 5] = 1  # row 2, column 5
    figure = attention.attention_over_pictures(np.zeros((2, 8, 8, 1)), weights, num_latents=2)
    assert len(figure.axes) == 2 * (1 + 1 + 2)
    heat = figure.axes[1].images[1].get_array()
    assert np.unravel_index(heat.argmax(), heat.shape) == (2, 5)


# === Curves ===


def test_training_and_validation_share_a_panel() -> None:
    history = [
        {"step": 10, "loss": 2.0, "learning_rate": 0.1},
        {"step": 20, "loss": 1.0, "learning_rate": 0.2, "val_loss": 1.5, "val_accuracy": 0.5},
        {"step": 30, "loss": float("nan"), "learning_rate": 0.2},
    ]
    figure = curves.learning_curves(history)
    panels = {axes.get_title(loc="left"): axes for axes in figure.axes}
    assert list(panels) == ["loss", "accuracy", "learning rate"]
    lines = {line.get_label(): line.get_xydata().tolist() for line in panels["loss"].lines}
    assert lines == {"training": [[10, 2.0], [20, 1.0]], "validation": [[20, 1.5]]}


def test_no_history_is_said() -> None:
    figure = curves.learning_curves([])
    assert figure.axes == [] and figure.texts[0].get_text() == "no history"


# === Answers ===


def test_answers_stand_below_their_pictures() -> None:
    content = png_of(np.zeros((5, 7), np.uint8))
    entries = [{"label": "cat", "score": 0.75}, {"label": "dog", "score": 0.25}]
    figure = answers.answer_grid([content] * 5, [entries] * 5)
    assert len(figure.axes) == 10
    assert texts(figure).count("75%") == 5
    assert style.to_png(figure).startswith(b"\x89PNG")


def test_answers_to_no_pictures_are_refused() -> None:
    with pytest.raises(UsageError, match="pictures only"):
        answers.answer_grid([b"a sentence"], [[{"label": "x", "score": 1.0}]])
    with pytest.raises(UsageError, match="labels with scores"):
        answers.answer_grid([png_of(np.zeros((2, 2), np.uint8))], [[{"text": "x"}]])
