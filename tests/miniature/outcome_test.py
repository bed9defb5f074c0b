"""Intervals against SciPy, and verdicts on which side of a limit they are."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from perceiver_keras.miniature.outcome import (
    FAILS,
    HOLDS,
    UNKNOWN,
    Outcome,
    Statement,
    at_least,
    at_most,
    interval_of,
    paired,
    quantile,
)


@pytest.mark.parametrize("freedom", [1, 2, 3, 7, 30])
@pytest.mark.parametrize("confidence", [0.9, 0.95, 0.99])
def test_quantiles_are_scipy_s(freedom, confidence):
    expected = stats.t.ppf((1 + confidence) / 2, freedom)
    assert quantile(freedom, confidence) == pytest.approx(expected, rel=1e-7)


@given(st.lists(st.floats(-100, 100), min_size=2, max_size=8))
def test_intervals_are_scipy_s(values):
    found = interval_of(values)
    error = stats.sem(values)
    low, high = stats.t.interval(0.95, len(values) - 1, np.mean(values), error) if error else (
        np.mean(values), np.mean(values))  # fmt: skip
    assert found.low == pytest.approx(low, abs=1e-6)
    assert found.high == pytest.approx(high, abs=1e-6)
    assert found.seeds == len(values)


def test_one_seed_tells_nothing_and_none_is_no_interval():
    assert interval_of([]) is None
    assert interval_of([0.3]).low == -math.inf
    assert at_least("", {0: 9.0}, {0: 1.0}).verdict == UNKNOWN
    assert at_least("", {0: 9.0}, {1: 1.0}).interval is None


def test_differences_are_paired_by_seed():
    """What a seed does to both sides cancels: the interval is that of the differences alone."""
    first, second = {0: 1.5, 1: 9.6, 2: 5.4, 7: 0.0}, {0: 1.0, 1: 9.0, 2: 5.0}
    found, expected = paired(first, second), interval_of([0.5, 0.6, 0.4])
    assert (found.mean, found.low, found.seeds) == pytest.approx(
        (expected.mean, expected.low, expected.seeds)
    )


def test_a_verdict_is_the_side_of_the_limit():
    better, same = {s: 1.0 + 0.01 * s for s in range(3)}, dict.fromkeys(range(3), 1.0)
    worse = {s: 0.5 - 0.01 * s for s in range(3)}
    assert at_least("", better, worse).verdict == HOLDS
    assert at_least("", worse, better).verdict == FAILS
    assert (
        at_least("", better, same).verdict == UNKNOWN
    )  # the interval of 0.00 to 0.02 has 0 inside
    assert at_least("", better, same, margin=-0.1).verdict == HOLDS
    assert at_least("", same, same).verdict == UNKNOWN  # none is better than the other
    assert at_most("", same, same).verdict == UNKNOWN
    assert at_most("", worse, better).verdict == HOLDS
    assert at_most("", better, worse).verdict == FAILS
    between = Statement(text="", interval=interval_of([1.0, 1.01, 0.99]), above=0.9, below=1.1)
    assert between.verdict == HOLDS
    assert at_least("", dict.fromkeys(range(3), math.nan), same).verdict == UNKNOWN


def test_a_claim_holds_if_all_it_says_does():
    holds = Statement(text="", interval=interval_of([1.0, 1.0]), above=0.0)
    fails = Statement(text="", interval=interval_of([1.0, 1.0]), above=2.0)
    open_ = Statement(text="", interval=None, above=0.0)
    assert Outcome(statements=(holds, holds)).verdict == HOLDS
    assert Outcome(statements=(holds, open_)).verdict == UNKNOWN
    assert Outcome(statements=(holds, open_, fails)).verdict == FAILS
