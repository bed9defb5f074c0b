"""Which examples a classifier's pictures show, and which counts."""

from __future__ import annotations

import numpy as np

from perceiver_keras.show import classification
from tests.show.words import texts


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
