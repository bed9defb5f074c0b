"""Does a claim hold? Differences over seeds, their Student t interval, and what follows from it.

A statement is about one number per seed, such as the difference of two models that were trained from the same seed on
the same data. It holds if the whole 95 % interval of the mean is on the claimed side of the limit, does not hold if it
is on the other side, and can't be told if the limit is inside or at an end: where two arms are right every time,
neither is better.
"""

from __future__ import annotations

import math
import statistics
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from perceiver_keras.gate.student import tail

HOLDS, FAILS, UNKNOWN = "holds", "does not hold", "can't be told"
CONFIDENCE = 0.95


@dataclass(frozen=True, kw_only=True)
class Interval:
    """The mean of one number per seed, and the ends of its two-sided 95 % interval: infinite with one seed."""

    mean: float
    low: float
    high: float
    seeds: int


@dataclass(frozen=True, kw_only=True)
class Statement:
    """One comparison that a claim is made of.

    Attributes:
      text: What is said to be so, with the limit in words.
      interval: Of the number that it is about; None without any seed that all sides have.
      above, below: The limits between which the number must be; None: no limit on that side.
      percent: The number is a share, shown in points of a hundred.
    """

    text: str
    interval: Interval | None
    above: float | None = None
    below: float | None = None
    percent: bool = False

    @property
    def verdict(self) -> str:
        """HOLDS, FAILS or UNKNOWN."""
        if self.interval is None:
            return UNKNOWN
        low = -math.inf if self.above is None else self.above
        high = math.inf if self.below is None else self.below
        if low < self.interval.low and self.interval.high < high:
            return HOLDS if math.isfinite(self.interval.mean) else UNKNOWN
        return FAILS if self.interval.high < low or self.interval.low > high else UNKNOWN


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """What the records say about a claim: all its statements together."""

    statements: tuple[Statement, ...]

    @property
    def verdict(self) -> str:
        """FAILS if any statement does not hold, HOLDS if all do, else UNKNOWN."""
        verdicts = {statement.verdict for statement in self.statements}
        if FAILS in verdicts:
            return FAILS
        return HOLDS if verdicts == {HOLDS} else UNKNOWN


def quantile(freedom: int, confidence: float = CONFIDENCE) -> float:
    """The t that |T| exceeds with probability 1 - confidence; found by halving."""
    wanted, low, high = (1 - confidence) / 2, 0.0, 1.0
    while tail(high, freedom) > wanted:
        low, high = high, 2 * high
    for _ in range(80):
        middle = (low + high) / 2
        low, high = (middle, high) if tail(middle, freedom) > wanted else (low, middle)
    return (low + high) / 2


def interval_of(values: Sequence[float]) -> Interval | None:
    """The mean of independent values and its interval; None if there are none."""
    if not values:
        return None
    mean, count = statistics.fmean(values), len(values)
    if count == 1 or not math.isfinite(mean):
        return Interval(mean=mean, low=-math.inf, high=math.inf, seeds=count)
    half = quantile(count - 1) * statistics.stdev(values) / math.sqrt(count)
    return Interval(mean=mean, low=mean - half, high=mean + half, seeds=count)


def paired(first: Mapping[int, float], second: Mapping[int, float]) -> Interval | None:
    """The interval of first - second over the seeds that both have, each {seed: value}."""
    return interval_of(
        [first[seed] - second[seed] for seed in sorted(first.keys() & second.keys())]
    )


def at_least(
    text: str,
    first: Mapping[int, float],
    second: Mapping[int, float],
    *,
    margin: float = 0.0,
    percent: bool = False,
) -> Statement:
    """The statement that `first` is at least `second` plus `margin`, which may be negative; higher is better."""
    return Statement(text=text, interval=paired(first, second), above=margin, percent=percent)


def at_most(
    text: str,
    first: Mapping[int, float],
    second: Mapping[int, float],
    *,
    margin: float = 0.0,
    percent: bool = False,
) -> Statement:
    """The statement that `first` is at most `second` plus `margin`; for errors and losses."""
    return Statement(text=text, interval=paired(first, second), below=margin, percent=percent)
