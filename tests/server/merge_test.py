"""Requests become a batch and are themselves again."""

from __future__ import annotations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from perceiver_keras.server import merge

SIZES = st.lists(st.integers(1, 4), min_size=1, max_size=5)


@settings(max_examples=50)
@given(SIZES, st.integers(0, 5))
def test_dividing_undoes_merging(sizes, extra) -> None:
    rng, rows = np.random.default_rng(0), sum(sizes)
    requests = [
        {"x": rng.normal(size=(n, 3)), "s": np.array([b"a" * i for i in range(n)], object)}
        for n in sizes
    ]
    batch = merge.merged(requests, rows, rows + extra)
    assert {len(array) for array in batch.values()} == {rows + extra}
    back = merge.divided(batch, sizes, rows + extra)
    for request, again in zip(requests, back, strict=True):
        np.testing.assert_array_equal(again["x"], request["x"])
        assert again["s"].tolist() == request["s"].tolist()


def test_different_sizes_are_filled_with_the_first_value_of_each() -> None:
    requests = [{"x": np.array([[7, 1]])}, {"x": np.array([[9, 2, 3], [4, 5, 6]])}]
    assert merge.merged(requests, 3, 4)["x"].tolist() == [
        *([7, 1, 7], [9, 2, 3], [4, 5, 6]),
        [7, 1, 7],
    ]
    empty = [{"x": np.zeros((1, 0), int)}, {"x": np.array([[1, 2]])}]
    assert merge.merged(empty, 2, 2)["x"].tolist() == [[0, 0], [1, 2]]


def test_rows_are_those_of_all_inputs_or_there_are_none() -> None:
    three, two = np.zeros((3, 2)), np.zeros(2)
    assert merge.rows_of({"a": three, "b": np.zeros(3)}) == 3
    for arrays in ({"a": three, "b": two}, {"a": np.float32(1)}, {"a": np.zeros((0, 2))}, {}):
        assert merge.rows_of(arrays) is None


def test_requests_share_a_batch_by_their_sizes_or_padded_by_their_axes() -> None:
    one, other = {"x": np.zeros((1, 2))}, {"x": np.zeros((5, 3))}
    assert merge.fit_key(one, False, False) != merge.fit_key(other, False, False)
    assert merge.fit_key(one, True, False) == merge.fit_key(other, True, False)


@settings(max_examples=50)
@given(*[st.lists(st.integers(0, 3000), max_size=3)] * 2, st.booleans())
def test_by_length_the_longest_strings_differ_by_no_more_than_two(one, other, padded) -> None:
    requests = [{"s": np.array([b"a" * n for n in sizes], object)} for sizes in (one, other)]
    short, long = sorted(max([256, *sizes]) for sizes in (one, other))
    keys = {merge.fit_key(request, True, True) for request in requests}
    if len(keys) == 1:
        assert long <= 2 * short
    else:
        assert long > short and any(short <= 2**n < long for n in range(8, 12))
    assert len({merge.fit_key(request, True, False) for request in requests}) == 1


def test_outputs_without_a_row_per_example_can_not_be_divided() -> None:
    assert merge.divided({"x": np.zeros(2), "y": np.zeros(3)}, [1, 1], 2) is None
    assert merge.divided({"x": np.float32(1)}, [1], 1) is None
