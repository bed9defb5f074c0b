"""Shares of the cores."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from perceiver_keras.child_processes import share


@given(st.integers(1, 64), st.integers(1, 64))
def test_every_core_has_work_and_shares_are_equal(cores, of):
    shares = [share(range(cores), number, of) for number in range(of)]
    assert {core for one in shares for core in one} == set(
        range(min(cores, of) if of > cores else cores)
    )
    sizes = [len(one) for one in shares]
    assert min(sizes) >= 1 and max(sizes) - min(sizes) <= 1
    if of <= cores:
        assert sum(sizes) == cores
