"""How answers are compared: what rounding may change, and what the usual mistakes look like."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from perceiver_keras import signatures
from perceiver_keras.components.serving import serving_answers as answers

finite = hnp.arrays(np.float32, (2, 3), elements=st.floats(-1e3, 1e3, width=32))


@given(finite, finite)
def test_floats_may_differ_by_the_tolerance_of_themselves_and_of_the_largest(wanted, noise) -> None:
    tolerance = 1e-3
    got = (wanted + noise * 1e-3).astype(np.float32)
    slack = tolerance * (np.abs(wanted.astype(np.float64)) + np.abs(wanted).max())
    ratio = np.abs(got.astype(np.float64) - wanted) / np.where(slack, slack, 1e-300)
    if not 0.999 < ratio.max() < 1.001:  # float32 rounds what lies on the border
        assert (answers.compare(got, wanted, tolerance) is None) == (ratio.max() < 1)


def test_of_numbers_and_names_those_that_differ_are_shown() -> None:
    ids = np.array([[7, 8, 9, 10], [7, 8, 11, 12]])
    found = answers.compare(ids + [0, 0, 1, 0], ids, 0.1)
    assert found == "is [10, 12] where the trainer's was [9, 11] (2 of 8 differ)"
    names = np.array([b"a", b"b"], object)
    found = answers.compare(np.array([b"a", b"c"], object), names, 0.1)
    assert found == "is [b'c'] where the trainer's was [b'b'] (1 of 2 differ)"
    assert answers.compare(names.copy(), names, 0.1) is None


def test_what_is_not_finite_must_be_so_in_the_same_places() -> None:
    wanted = np.array([1.0, np.nan, np.inf], np.float32)
    assert answers.compare(wanted.copy(), wanted, 1e-5) is None
    for got in ([np.nan, 1.0, np.inf], [1.0, np.nan, -np.inf], [1.0, 2.0, np.inf]):
        assert "differs by" in answers.compare(np.array(got, np.float32), wanted, 1e-5)


@given(finite, finite)
def test_the_relative_difference_is_the_tolerance_that_is_needed(wanted, noise) -> None:
    wanted[0, 0] = 1000  # of nothing but zeros, no difference is relative
    got = (wanted + noise * 1e-3).astype(np.float32)
    needed = answers.relative(got, wanted)
    if needed > 1e-6:
        assert answers.compare(got, wanted, needed * 1.01) is None
        assert answers.compare(got, wanted, needed * 0.99) is not None
    else:
        assert answers.compare(got, wanted, 1e-5) is None


def test_it_knows_by_itself_what_the_export_calls_the_models_inputs() -> None:
    assert answers.MODEL_INPUT == signatures.MODEL_INPUT


# === Names that rounding changes ===


def names(indices):
    return np.array([b"a", b"b", b"c"], object)[indices]


def test_a_name_may_change_where_two_classes_are_tied() -> None:
    random = np.random.default_rng(0)
    shares = random.dirichlet([1, 1, 1], 100).astype(np.float32)
    shares[7] = [0.45, 0.45, 0.1]
    best = shares.argmax(-1)
    other = best.copy()
    other[7] = 1 - best[7]
    wanted = {"probabilities": shares, "label": names(best)}
    got = {"probabilities": shares, "label": names(other)}
    assert answers.nearly_tied("label", got, wanted, 1e-4)
    clear = shares.copy()
    clear[7] = [0.46, 0.44, 0.1]
    assert not answers.nearly_tied("label", got, wanted | {"probabilities": clear}, 1e-4)


def test_many_names_do_not_change_by_rounding() -> None:
    shares = np.full([100, 3], 1 / 3, np.float32)
    wanted = {"probabilities": shares, "label": names(np.zeros(100, int))}
    got = {"probabilities": shares, "label": names(np.arange(100) % 3)}
    assert not answers.nearly_tied("label", got, wanted, 1e-4)


def test_neighbours_of_a_sorted_list_may_change_places() -> None:
    scores = np.array([[0.5, 0.2, 0.2, 0.1]] * 50, np.float32)
    tokens = np.tile(np.arange(4), (50, 1))
    swapped = tokens.copy()
    swapped[3, 1:3] = [2, 1]
    wanted = {"probability": scores, "token_id": tokens}
    assert answers.nearly_tied("token_id", {"token_id": swapped}, wanted, 1e-4)
    first = tokens.copy()
    first[3, :2] = [1, 0]
    apart = {"probability": scores[:, [0, 1, 3, 3]] * [1, 1, 0.6, 0.3], "token_id": tokens}
    assert not answers.nearly_tied("token_id", {"token_id": first}, apart, 1e-4)


# === What a different input looks like ===


def pictures():
    return np.random.default_rng(1).random([3, 5, 6, 3]).astype(np.float32)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda p: p[..., ::-1], "channels were in reverse order"),
        (lambda p: p[:, ::-1], "top and bottom were swapped"),
        (lambda p: p[:, :, ::-1], "left and right were swapped"),
        (lambda p: p * 255, "255 times as large plus 0: another normalisation"),
        (lambda p: 1 - p, "-1 times as large plus 1: another normalisation"),
        (lambda p: (p - [0.485, 0.456, 0.406]) / [0.229, 0.224, 0.225], "another normalisation"),
        (lambda p: np.roll(p, 1, axis=1), ""),
        (lambda p: p[:, 1:], ""),
        (lambda p: p * 0, ""),
    ],
)
def test_the_usual_mistakes_are_named(change, words) -> None:
    found = answers.likeness(np.float32(change(pictures())), pictures())
    assert words in found and bool(words) == bool(found)
