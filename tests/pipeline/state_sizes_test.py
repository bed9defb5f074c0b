"""Sizes are those that Beam asks for, and pipelines with side inputs go by them."""

from __future__ import annotations

import apache_beam as beam
import numpy as np
import objsize
import pytest
from apache_beam.runners.worker import statecache
from apache_beam.testing.util import assert_that, equal_to

from perceiver_keras.pipeline import state_sizes

VALUES = [b"x" * 1000, [1.5, "two", {"three": (3, 3)}], np.zeros([20, 30]), [len, np, dict]]


@pytest.mark.parametrize("value", VALUES, ids=["bytes", "nested", "array", "shared"])
def test_values_have_the_size_that_they_have_without_the_globals_of_modules(value) -> None:
    whole = objsize.get_deep_size(
        value,
        get_size_func=statecache._size_func,
        get_referents_func=statecache._get_referents_func,
        filter_func=statecache._filter_func,
        exclude_modules_globals=True,
    )
    assert state_sizes.deep_size(value) == whole


def test_a_pipeline_sizes_its_side_inputs_so(monkeypatch) -> None:
    sized = []
    counted = lambda *values: sized.append(values) or 8  # noqa: E731
    monkeypatch.setattr(state_sizes, "deep_size", counted)
    monkeypatch.setattr(statecache, "get_deep_size", statecache.get_deep_size)  # put back after it
    state_sizes.count_values_alone()
    with beam.Pipeline() as pipeline:
        names = pipeline | "Names" >> beam.Create([(1, "one"), (2, "two")])
        found = (
            pipeline
            | beam.Create([1, 2])
            | beam.Map(lambda n, by: by[n], beam.pvalue.AsDict(names))
        )
        assert_that(found, equal_to(["one", "two"]))
    assert sized
