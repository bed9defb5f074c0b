"""Estimates and evaluations survive JSON, numbers that are not finite included."""

from __future__ import annotations

import json
import math

from hypothesis import given
from hypothesis import strategies as st

from perceiver_keras.gate.estimates import Estimate, Evaluated

numbers = st.floats(allow_nan=False)
maybe = st.none() | numbers
estimates = st.builds(
    Estimate,
    value=numbers,
    low=maybe,
    high=maybe,
    error=maybe,
    freedom=st.none() | st.integers(1, 99),
)
by_name = st.dictionaries(st.text(max_size=5), estimates, max_size=3)


def evaluated(slices: st.SearchStrategy) -> st.SearchStrategy[Evaluated]:
    return st.builds(
        Evaluated,
        examples=st.integers(0, 10**9),
        metrics=by_name,
        baseline=st.none() | by_name,
        difference=st.none() | by_name,
        slice=st.text(max_size=9),
        slices=slices,
    )


@given(evaluated(st.lists(evaluated(st.just(())), max_size=3).map(tuple)))
def test_json_and_back_is_equal(one: Evaluated) -> None:
    text = json.dumps(one.to_json(), allow_nan=False)
    assert Evaluated.from_json(json.loads(text)) == one


def test_a_number_that_is_not_finite_stays_so() -> None:
    text = json.dumps(Estimate(value=math.nan, error=math.inf).to_json(), allow_nan=False)
    again = Estimate.from_json(json.loads(text))
    assert math.isnan(again.value) and again.error == math.inf
    assert (again.low, again.high, again.freedom) == (None, None, None)


def test_what_an_older_file_lacks_is_empty() -> None:
    old = Evaluated.from_json({"examples": 3})
    assert (old.metrics, old.baseline, old.difference, old.slice, old.slices) == (
        {},
        None,
        None,
        "",
        (),
    )


def test_parts_are_found_by_name_and_by_feature() -> None:
    parts = tuple(
        Evaluated(examples=1, metrics={}, slice=name)
        for name in ("label=a=b", "label=c", "label/count=1..2")
    )
    whole = Evaluated(examples=3, metrics={}, slices=parts)
    assert whole.part("") is whole
    assert whole.part("label=a=b") is parts[0]
    assert whole.part("label=d") is None
    assert whole.of_feature("label") == [parts[0], parts[1]]
    assert whole.of_feature("label/count") == [parts[2]]
