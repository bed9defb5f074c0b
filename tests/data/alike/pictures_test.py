"""Pictures that were changed are found again, and different ones are not taken for each other."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from perceiver_keras.data.alike import pictures
from perceiver_keras.data.alike.part import NEAR, ONLY_EXACT, PLAIN
from tests.data.alike.samples import bodies, changed, digits, found, photographs

CHANGES = ("JPEG", "half", "double", "brighter", "darker", "contrast", "cut", "all")


@pytest.mark.parametrize("how", CHANGES)
def test_a_changed_photograph_is_found(how):
    # What is white already can't become brighter: that is a loss, not a change of brightness.
    some = [p for p in photographs() if how != "brighter" or np.quantile(p, 0.95) * 1.1 < 255]
    again = [found(pictures.SKETCH, pictures.of(p), pictures.of(changed(p, how))) for p in some]
    assert len(some) > 8 and np.mean(again) > 0.93


@pytest.mark.parametrize("how", ["JPEG", "double", "brighter", "darker", "contrast"])
def test_a_changed_digit_is_found(how):
    some = digits()[::20]
    again = [found(pictures.SKETCH, pictures.of(p), pictures.of(changed(p, how))) for p in some]
    assert np.mean(again) > 0.95


def test_no_two_digits_are_the_same_though_those_of_a_class_are_much_alike():
    parts = bodies([pictures.of(digit) for digit in digits()])
    same = sum(
        pictures.near(parts[i : i + 300], parts[i:]).sum() for i in range(0, len(parts), 300)
    )
    assert same == len(parts)  # each is its own


def test_no_two_photographs_are_the_same():
    parts = bodies([pictures.of(picture) for picture in photographs()])
    np.testing.assert_array_equal(pictures.near(parts, parts), np.eye(len(parts), dtype=bool))


def test_a_negative_a_mirror_image_and_another_colour_are_other_pictures():
    picture = photographs()[9]
    ours = bodies([pictures.of(picture)])
    for other in (255 - picture, picture[:, ::-1], picture[::-1], picture[..., ::-1]):
        assert not pictures.near(ours, bodies([pictures.of(np.ascontiguousarray(other))])).any()


def test_a_small_object_is_noticed_in_front_of_the_same_background():
    background = photographs()[0]
    with_object = background.copy()
    with_object[40:100, 40:100] = photographs()[9][40:100, 40:100]
    parts = [bodies([pictures.of(p)]) for p in (background, with_object)]
    assert not pictures.near(*parts).any()


def test_alpha_does_not_count_and_grey_is_grey_in_any_number_of_channels():
    picture = photographs()[3]
    alpha = np.full_like(picture[..., :1], 9)
    grey = picture[..., :1]
    assert pictures.of(np.concatenate([picture, alpha], -1)) == pictures.of(picture)
    assert pictures.of(np.concatenate([grey, alpha], -1)) == pictures.of(grey)
    assert pictures.of(np.repeat(grey, 3, -1)) == pictures.of(grey)


@pytest.mark.parametrize("value", [0, 128, 255])
def test_a_picture_of_one_colour_is_plain(value):
    picture = np.full([30, 40, 3], value, np.uint8)
    picture[3, 4] = abs(value - pictures.PLAIN_RANGE)
    assert pictures.of(picture).state == PLAIN


def test_a_pattern_finer_than_the_cells_is_only_compared_exactly():
    checks = (np.indices([240, 240]).sum(0) % 2 * 255).astype(np.uint8)[..., None]
    assert pictures.of(checks).state == ONLY_EXACT


@pytest.mark.parametrize("shape", [(1, 1), (1, 9), (7, 1), (3, 500), (500, 3), (2, 2)])
def test_any_shape_has_a_fingerprint(shape):
    picture = np.random.default_rng(0).integers(0, 256, [*shape, 3]).astype(np.uint8)
    part = pictures.of(picture)
    if part.state == NEAR:
        assert len(part.body) == pictures.SIZE
        assert pictures.near(bodies([part]), bodies([part])).all()


pixels = arrays.arrays(np.uint8, st.tuples(*[st.integers(2, 40)] * 2, st.sampled_from([1, 3])))


@given(pixels, pixels)
def test_nearness_is_symmetric_and_everything_is_near_itself(a, b):
    parts = [part for part in map(pictures.of, (a, b)) if part.state == NEAR]
    if parts:
        near = pictures.near(bodies(parts), bodies(parts))
        np.testing.assert_array_equal(near, near.T)
        assert near.diagonal().all()


def test_shrinking_takes_the_means_of_areas():
    plane = np.arange(48.0).reshape(6, 8)
    means = plane.reshape(3, 2, 4, 2).mean((1, 3))[:, :3]
    np.testing.assert_allclose(pictures.shrink(plane[:, :6], 3), means, rtol=1e-6)
    np.testing.assert_allclose(
        pictures.shrink(plane[:3, :3], 6), np.kron(plane[:3, :3], np.ones([2, 2]))
    )
    assert pictures.shrink(plane, 5).mean() == pytest.approx(plane.mean())
