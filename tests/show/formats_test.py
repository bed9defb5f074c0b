"""Numbers as people read them."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from perceiver_keras.show import formats


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0.98331, "0.9833"),
        (360.0, "360"),
        (1.0, "1.0000"),
        (0.0, "0.0000"),
        (1234567.0, "1,234,567"),
        (1.5e-5, "1.500e-05"),
        (None, "not a number"),
        ("nan", "not a number"),
        ("inf", "not a number"),
        ("0.25", "0.2500"),
        (-2.95, "−2.9500"),
        (-1.5e-5, "−1.500e-05"),
    ],
)
def test_numbers(value, text: str) -> None:
    assert formats.number(value) == text


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (None, "–"),
        (0, "0"),
        (16000.0, "16,000"),
        (0.98331, "0.983"),
        (43.512, "43.5"),
        (1234.5, "1,234"),
        (0.00012, "1.2e-04"),
        (-7.25, "−7.25"),
        (-1234.5, "−1,234"),
    ],
)
def test_short_numbers(value, text: str) -> None:
    assert formats.short(value) == text


@given(st.floats(-1e6, 1e6))
def test_a_difference_has_its_sign(value: float) -> None:
    text = formats.signed(value)
    assert text[0] == ("+" if value > 0 else "−" if value < 0 else "0")
    read = float(text.replace("−", "-"))
    assert math.isclose(read, value, rel_tol=0.05, abs_tol=5e-5)


def test_intervals() -> None:
    assert formats.interval({"value": 0.9, "low": 0.85, "high": 0.95}) == "[0.850, 0.950]"
    assert formats.interval({"low": -0.0123, "high": 0.02}, difference=True) == "[−0.012, +0.020]"
    assert formats.interval({"low": -3.0, "high": 0.0}) == "[−3.000, 0.000]"
    for nothing in (None, {}, {"value": 1.0}, {"low": "nan", "high": 1.0}, {"low": 0.5}):
        assert formats.interval(nothing) == ""
        assert formats.ends(nothing) == (None, None)


def test_sizes_and_durations() -> None:
    sizes = [formats.size(n) for n in (0, 900, 2048, 3.25e6, 150 * 2**20, 5e12)]
    assert sizes == ["0 bytes", "900 bytes", "2 KiB", "3.1 MiB", "150 MiB", "4,657 GiB"]
    assert [formats.seconds(s) for s in (0.123, 9.43, 130.4)] == ["0.12 s", "9.4 s", "130 s"]
    assert [formats.milliseconds(s) for s in (1.66, 1234.5)] == ["1.7 ms", "1,234 ms"]


def test_counts_and_shares() -> None:
    assert formats.counted(1, "example") == "1 example"
    assert formats.counted(2000, "example") == "2,000 examples"
    assert (formats.percent(0.1234), formats.percent(None)) == ("12.3%", "–")
