"""Ratios, shares and rates, by hand."""

from __future__ import annotations

import pytest

from perceiver_keras.benchmarks import numbers
from tests.benchmarks.rows import row, side


def test_a_ratio_is_to_the_fastest_peer_and_its_memory() -> None:
    sides = {
        "ours": side(1.0, 2.0, 9.0, peak=300),
        "xla": side(0.1),  # is ours as well
        "slow": side(8.0, peak=100),
        "fast": side(4.0, 4.0, peak=200),
        "broken": {"failed": "no memory"},
    }
    one = row("models/x/forward/float32", sides)
    assert numbers.best_peer(one).side == "fast"
    assert numbers.ratio(one) == 0.5
    assert numbers.ratio(one, "megabytes") == pytest.approx(1.5)
    assert numbers.ratio(row("a", {"ours": side(1.0)})) is None


def test_the_first_call_includes_compiling() -> None:
    one = numbers.of(row("a", {"ours": side(1.0, 3.0, compile=7.0)}))
    assert (one.median, one.least, one.most, one.cpu, one.first) == (2.0, 1.0, 3.0, 4.0, 10.0)
    assert numbers.of(row("a", {"ours": {"failed": "x"}})) is None


def test_the_share_of_the_peak() -> None:
    """100 operations in 2 seconds, where products reach 200 a second."""
    one = row("a", {"ours": side(2.0)}, flops=100, peak=200.0)
    assert numbers.share_of_peak(one) == 0.25
    assert numbers.share_of_peak(row("a", {"ours": side(2.0)})) is None
    assert numbers.share_of_peak(one | {"others": 0.5}) is None


def test_a_disturbed_run_does_not_lower_the_peak() -> None:
    cases = {
        "a": row("a", {"ours": side(2.0)}, peak=50.0),
        "b": row("b", {"ours": side(2.0)}, peak=200.0),
        "c": row("c", {"ours": side(2.0)}, peak=800.0, case={"precision": "bfloat16"}),
        "d": row("d", {"ours": side(2.0)}, case={"precision": "none"}),
    }
    found = {name: one["peak"] for name, one in numbers.with_best_peaks(cases).items()}
    assert found == {"a": 200.0, "b": 200.0, "c": 800.0, "d": None}


def test_rates_and_what_a_pipeline_supplies() -> None:
    """Steps of 32 examples at 2 steps a second use 64 examples a second; the pipeline has 640."""
    step = row("tiny/x", {"ours": side(5.0, examples=320)}, case={"kind": "train", "steps": 10})
    pipeline = row("pipeline/x", {"ours": side(0.5, examples=320)}, case={"kind": "pipeline"})
    assert numbers.per_second(step) == 2.0
    assert numbers.per_second(pipeline) == 640.0
    assert numbers.supply(pipeline, step) == pytest.approx(10.0)
