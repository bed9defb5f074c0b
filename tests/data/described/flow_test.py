"""Measures of flow against NumPy and closed forms."""

import numpy as np
import pytest

from perceiver_keras.data.described import flow
from perceiver_keras.data.described.decode import Decoded, decoded

RNG = np.random.default_rng(0)


def mask(pixels) -> Decoded:
    return Decoded("mask", np.asarray(pixels, bool))


def measured(vectors, valid=None, occluded=None) -> dict:
    stored = decoded("flow", np.asarray(vectors, "<f4").tobytes())
    return flow.describe(stored, valid, occluded)


def test_motion_is_numpys_median_and_percentile_where_it_is_known():
    vectors = RNG.normal([1, -2], 3, [10, 12, 2])
    known = RNG.random([10, 12]) < 0.7
    found = measured(vectors, mask(known), mask(~known))
    speeds = np.linalg.norm(vectors[known], axis=-1)
    assert found["median"] == pytest.approx(np.median(speeds), rel=1e-5)
    assert found["p95"] == pytest.approx(np.percentile(speeds, 95), rel=1e-5)
    assert found["valid"] == pytest.approx(known.mean())
    assert found["occluded"] == pytest.approx(1 - known.mean())
    right, down = vectors[known].mean(0)
    assert (found["right"], found["down"]) == pytest.approx((right, down), rel=1e-4)
    assert found["not_finite"] == 0


def test_swapped_components_and_flipped_signs_show():
    found = measured(np.full([4, 4, 2], [3, 1]))
    assert (found["right"], found["down"], found["median"]) == (3, 1, pytest.approx(10**0.5))
    swapped = measured(np.full([4, 4, 2], [1, 3]))
    assert (swapped["right"], swapped["down"]) == (1, 3)


def test_numbers_that_are_not_finite_are_counted_and_left_out():
    vectors = np.ones([4, 4, 2])
    vectors[0, 0, 0], vectors[1, 1, 1] = np.nan, np.inf
    found = measured(vectors)
    assert found["not_finite"] == 2 / 16 and found["median"] == pytest.approx(2**0.5)
    assert "valid" not in found


def test_nothing_known_has_no_motion():
    found = measured(np.ones([2, 2, 2]), mask(np.zeros([2, 2])))
    assert found == {"not_finite": 0, "valid": 0}
    assert measured(np.zeros([0, 2])) == {"not_finite": 0}


def test_a_mask_of_another_size_is_an_error():
    with pytest.raises(ValueError, match="'valid' has 9 pixels and the flow 4"):
        measured(np.ones([2, 2, 2]), mask(np.ones([3, 3])))
