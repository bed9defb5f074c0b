"""Units at their places, arrows to the targets, and shares counted by hand."""

from __future__ import annotations

import numpy as np
from matplotlib.colors import to_hex

from perceiver_keras.show import entities, style

RNG = np.random.default_rng(7)
SETS, UNITS = 3, 6
FEATURES = {name: RNG.random((SETS, UNITS)) for name in ("x", "y", "health")}
FEATURES["enemy"] = (RNG.random((SETS, UNITS)) < 0.5).astype(float)
FEATURES["acting"] = np.eye(UNITS)[[0, 1, 2]]
REAL = np.arange(UNITS) < np.array([[6], [5], [4]])  # the others are padding


def test_the_real_units_are_at_their_places() -> None:
    figure = entities.battlefields(FEATURES, REAL, np.zeros(SETS, int), np.zeros(SETS, int))
    for index, axes in enumerate(figure.axes):
        [units] = axes.collections
        real = REAL[index]
        places = np.stack([FEATURES["x"][index], FEATURES["y"][index]], -1)
        np.testing.assert_allclose(units.get_offsets(), places[real])
        by_health = np.argsort(FEATURES["health"][index][real])
        np.testing.assert_array_equal(np.argsort(units.get_sizes()), by_health)
        colours = [to_hex(colour) for colour in units.get_facecolors()]
        enemies = FEATURES["enemy"][index][real] > 0
        assert colours == [style.ORANGE if enemy else style.BLUE for enemy in enemies]


def test_a_wrong_guess_has_an_arrow_of_its_own() -> None:
    truth, guess = np.array([3, 3, 3]), np.array([3, 0, 3])
    figure = entities.battlefields(FEATURES, REAL, truth, guess)
    assert [axes.get_title() for axes in figure.axes] == ["right", "wrong", "right"]
    for index, axes in enumerate(figure.axes):
        places = np.stack([FEATURES["x"][index], FEATURES["y"][index]], -1)
        arrows = [(tuple(note.xy), note.xyann) for note in axes.texts]
        rows = [truth[index]] if truth[index] == guess[index] else [truth[index], guess[index]]
        actor = places[index]  # the one that acts
        assert len(arrows) == len(rows)
        for (end, start), row in zip(arrows, rows, strict=True):
            np.testing.assert_array_equal(end, places[row])
            np.testing.assert_array_equal(start, actor)


def test_each_entity_has_a_bar_as_high_as_its_probability() -> None:
    chances = [np.array([0.5, 0.25, 0.25]), np.array([1.0])]
    figure = entities.pointers(chances, ["first", "second"])
    assert [axes.get_title() for axes in figure.axes] == ["first", "second"]
    heights = [[bar.get_height() for bar in axes.patches] for axes in figure.axes]
    assert heights == [[0.5, 0.25, 0.25], [1.0]]


def test_shares_are_counted_for_each_size_of_a_set() -> None:
    sizes = RNG.integers(2, 6, 50)
    mask = np.arange(6) < sizes[:, None]
    target, winner = RNG.random((2, 50)) < 0.6
    [axes] = entities.by_size(mask, target, winner).axes
    assert [line.get_label() for line in axes.lines] == ["target", "winner"]
    for line, right in zip(axes.lines, (target, winner), strict=True):
        for size, share in line.get_xydata():
            counted = [bool(r) for r, s in zip(right, sizes, strict=True) if s == size]
            assert abs(share - sum(counted) / len(counted)) < 1e-12
        assert set(line.get_xdata()) == set(sizes)
