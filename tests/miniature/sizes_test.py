"""Sizes are measured in a process of their own, and what fails there is said here."""

from __future__ import annotations

import pytest

from perceiver_keras.errors import PerceiverError
from perceiver_keras.miniature import sizes


def test_a_failed_process_is_an_error_in_one_line():
    with pytest.raises(
        PerceiverError, match="Measuring x of 8 to 9 ended with 1: .*'x' is not one of"
    ):
        sizes.measured("x", [8, 9], 1, 2, 0.0)


def test_rows_have_what_was_used():
    # In a process of its own: in this one, memory that tests before it gave back is taken before any new.
    measured = sizes.measured("inputs", [256, 65536], layers=1, deep=2, seconds=0.0)
    small, large = measured["passes"]
    (deep,) = measured["deep"]
    assert (small["step"], large["step"]) == (256, 65536)
    assert large["cpu_seconds"] > 3 * small["cpu_seconds"]
    assert 16 < large["peak_mb"] < 1000  # the input alone is 16 MiB
    assert (deep["step"], deep["flops"] > large["flops"]) == (65536, True)
