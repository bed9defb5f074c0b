"""Which examples a classifier's pictures show, and which counts."""

from __future__ import annotations

import numpy as np
import pytest

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


@pytest.mark.parametrize("count", [21, 30, 1000])
def test_of_many_classes_a_single_confused_pair_can_be_seen(count: int) -> None:
    truth = np.repeat(np.arange(count), 2)
    guess = truth.copy()
    guess[2 * 7] = count - 3  # one of the two of class 7
    names = [f"c{i}" for i in range(count)]
    counts = np.bincount(truth, minlength=count)
    right = np.bincount(truth[truth == guess], minlength=count)
    figure = classification.heat_map(counts, right, {(7, count - 3): 1}, names)
    [axes] = figure.axes
    colours = axes.images[0].get_array()
    step = -(-count // classification.MOST_BLOCKS)
    assert len(colours) == -(-count // step) <= classification.MOST_BLOCKS
    red = np.argwhere(colours[..., 0] > colours[..., 2] + 0.1)
    assert red.tolist() == [[7 // step, (count - 3) // step]]
    blue = np.argwhere(colours[..., 2] > colours[..., 0] + 0.1)
    assert blue.tolist() == [[i, i] for i in range(len(colours))]
    ticks = dict(zip(axes.get_yticks(), axes.get_yticklabels(), strict=True))
    assert len(ticks) <= classification.MOST_TICKS
    assert all(label.get_text() == names[tick * step] for tick, label in ticks.items())
    assert ("block" in figure.get_label()) == (step > 1)


def test_the_matrix_of_many_classes_is_the_heat_map_of_its_counts() -> None:
    truth, guess = np.random.default_rng(1).integers(0, 25, (2, 200))
    names = [str(i) for i in range(25)]
    [axes] = classification.confusion_matrix(truth, np.eye(25)[guess], names).axes
    colours = axes.images[0].get_array()
    counts = classification.confusion_counts(truth, guess, 25)
    np.testing.assert_array_equal(colours.min(-1) < 0.999, counts > 0)


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
