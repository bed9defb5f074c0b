"""Differences in closed form, and what may not pass as near."""

from __future__ import annotations

import numpy as np
import pytest

from perceiver_keras.errors import PerceiverError
from perceiver_keras.runtimes.agreement import as_json, differences, worst

ONE = [{"x": np.zeros(1)}]


def compare(wanted, given):
    return differences(lambda r: {"y": np.array(wanted)}, lambda r: {"y": np.array(given)}, ONE)[
        "y"
    ]


def test_the_largest_difference_and_the_largest_number_over_all_requests() -> None:
    answers = {1.0: ([1.0, -4.0], [1.0, -4.5]), 2.0: ([8.0], [8.25])}
    requests = [{"x": np.array(x)} for x in answers]
    found = differences(
        lambda r: {"y": answers[float(r["x"])][0], "same": [3.0]},
        lambda r: {"y": answers[float(r["x"])][1], "same": [3.0]},
        requests,
    )
    assert as_json(found)["y"] == {"absolute": 0.5, "scale": 8.0, "relative": 0.0625}
    assert worst(found)[0] == "y" and found["same"].relative == 0


@pytest.mark.parametrize(
    ("wanted", "given"),
    [
        ([1.0, 2.0], [1.0]),
        ([1.0], [np.nan]),
        ([1.0], [np.inf]),
        ([np.nan], [1.0]),
        ([np.inf], [-np.inf]),
        ([-1e30, 1.0], [0.0, 1.0]),
        ([-1e30, 1.0], [1e30, 1.0]),
        ([0.0], [0.1]),
    ],
)
def test_no_scale_hides_what_is_wrong(wanted, given) -> None:
    assert compare(wanted, given).relative >= 1


def test_what_is_masked_is_no_scale_for_the_others() -> None:
    found = compare([-1e30, 2.0], [-9.9e29, 3.0])
    assert (found.scale, found.relative) == (2.0, 0.5)
    assert compare([np.inf, np.nan, 1.0], [np.inf, np.nan, 1.0]).absolute == 0


def test_an_output_that_is_missing_is_an_error() -> None:
    with pytest.raises(PerceiverError, match="does not return y"):
        differences(lambda r: {"y": 1.0}, lambda r: {}, ONE)
