"""Spectrograms under their true, missed and invented classes, and the scores of each class."""

from __future__ import annotations

import numpy as np

from perceiver_keras.show import sounds, style

RNG = np.random.default_rng(11)
NAMES = ["dog", "rain", "bell"]


def test_missed_and_invented_classes_are_marked() -> None:
    truth = np.array([[1, 0, 0], [1, 1, 0], [1, 0, 0], [0, 0, 0], [0, 1, 0]], bool)
    scores = np.array([[0.9, 0.1, 0], [0.9, 0.2, 0], [0.6, 0, 0.7], [0.5, 0.1, 0], [0.4, 0, 1]])
    figure = sounds.right_and_wrong(RNG.random((5, 8, 6)), truth, scores, NAMES)
    titles = {axes.get_title(): axes.title.get_color() for axes in figure.axes}
    assert titles == {
        "dog": style.GREEN,
        "dog, –rain": style.RED,
        "dog, +bell": style.RED,
        "nothing": style.GREEN,
        "–rain, +bell": style.RED,
    }


def test_time_runs_to_the_right_and_pitch_upwards() -> None:
    windows = RNG.random((sounds.MOST + 3, 8, 6))
    empty = np.zeros((len(windows), 3))
    figure = sounds.right_and_wrong(windows, empty > 0, empty, NAMES)
    assert len(figure.axes) == sounds.MOST
    picture = figure.axes[2].images[0]
    np.testing.assert_array_equal(picture.get_array(), windows[2].T)
    assert picture.origin == "lower"


def test_the_three_likeliest_answers_are_above_a_sound() -> None:
    entries = [{"label": name, "score": 1 / (i + 1)} for i, name in enumerate("abcd")]
    figure = sounds.answers([RNG.random((8, 6)), RNG.random((20, 6))], [entries, entries[:1]])
    assert [axes.get_title() for axes in figure.axes] == ["a 100%\nb 50%\nc 33%", "a 100%"]


def test_scores_are_split_by_whether_the_class_is_there() -> None:
    truth = RNG.random((40, 25)) < np.linspace(0.1, 0.9, 25)
    scores = RNG.random((40, 25))
    names = [f"class {i}" for i in range(25)]
    [axes] = sounds.scores_by_class(truth, scores, names).axes
    shown = [int(label.get_text().split()[1]) for label in axes.get_yticklabels()]
    assert len(shown) == 20
    counts = truth.sum(0)
    assert [counts[i] for i in shown] == sorted(counts, reverse=True)[:20]
    for place, index in enumerate(shown):
        absent, present = axes.lines[2 * place : 2 * place + 2]
        assert (absent.get_color(), present.get_color()) == (style.GREY, style.BLUE)
        assert sorted(present.get_xdata()) == sorted(scores[truth[:, index], index])
        assert sorted(absent.get_xdata()) == sorted(scores[~truth[:, index], index])
