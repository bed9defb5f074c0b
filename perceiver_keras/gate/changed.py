"""Has the data changed since the last model was blessed? The same model, suddenly far worse, tells.

A candidate that was trained on wrong labels may well reach its threshold on wrong labels. The last blessed model was
not: if two classes are swapped in the new data only, its accuracy on these falls from what it was when it was blessed
to almost nothing. The two test splits are different examples, so their errors add up:

    t = (L - D) / sqrt(a^2 + b^2 + (L - D)^2 / (n + m))

L is what was lost, D the least loss that counts, a and b the errors then and now, n and m the examples; Welch's degrees
of freedom. On the same test split L is 0. The error of a share is at least that of (k + 1) of n + 2 right answers, so
that a slice of which all were right has one.
"""

from __future__ import annotations

import math
from collections.abc import Collection
from dataclasses import dataclass

from perceiver_keras.gate.check import Check, listed, number
from perceiver_keras.gate.estimates import Estimate, Estimates, Evaluated
from perceiver_keras.gate.paired import freedom, is_share
from perceiver_keras.gate.student import holm, tail

NAME = "same data"
LEAST_SHARE = (
    0.1  # what a share must lose; clean new examples of the same kind never lose that much
)
LEAST_OTHER = 0.1  # of its size, what another metric must lose


@dataclass(frozen=True)
class _Fall:
    name: str  # the metric, and the slice after an "@"
    then: float
    now: float
    lost: float
    p: float


def check(
    then: Evaluated | None,
    now: Evaluated,
    *,
    metrics: Collection[str],
    lower_is_better: Collection[str],
    confidence: float,
) -> Check:
    """Compares the last blessed model's numbers when it was blessed with its numbers on today's test split.

    Args:
      then: What the gate kept when it blessed that model, in which it was the candidate; None if nothing was kept.
      now: The present evaluation, in which it is the baseline.
      metrics: Those with a threshold.
      lower_is_better: Names of metrics.
      confidence: For all metrics and slices together (Holm's correction).
    """
    if then is None:
        return Check(
            NAME, None, "What the last blessed model reached when it was blessed was not kept."
        )
    falls = [
        fall
        for part in (now, *now.slices)
        if (old := then.part(part.slice)) is not None
        for metric in metrics
        if (fall := _fall(old, part, metric, metric in lower_is_better)) is not None
    ]
    if not falls:
        return Check(
            NAME,
            None,
            "Nothing that was measured when the last model was blessed was measured again.",
        )
    certain = holm([fall.p for fall in falls], confidence)
    far = sorted((fall for fall, sure in zip(falls, certain, strict=True) if sure), key=_size)
    if not far:
        worst = min(falls, key=_size)
        return Check(
            NAME,
            True,
            "The last blessed model is about as good on today's test split as when it was blessed: "
            f"{_told(worst)}, which is the largest change for the worse of {len(falls)} numbers.",
        )
    return Check(
        NAME,
        False,
        "The last blessed model is suddenly far worse, though it is the same model: "
        f"{listed([_told(fall) for fall in far])}. So the labels or the inputs of these examples have changed since; "
        "look at them, and if the change is meant, run with --rebaseline.",
    )


def _fall(old: Evaluated, new: Evaluated, metric: str, lower_is_better: bool) -> _Fall | None:
    then, now = old.metrics.get(metric), _baseline(new).get(metric)
    if then is None or now is None or not math.isfinite(then.value):
        return None
    name = f"{metric}@{new.slice}" if new.slice else metric
    if not math.isfinite(now.value):
        return _Fall(name, then.value, now.value, math.inf, 0.0)
    share = is_share(then.value, now.value)
    lost = now.value - then.value if lower_is_better else then.value - now.value
    excess = lost - (LEAST_SHARE if share else LEAST_OTHER * abs(then.value))
    sides = [(then, old.examples), (now, new.examples)]
    degrees = [freedom(estimate, examples) for estimate, examples in sides]
    if excess <= 0 or None in degrees:
        return _Fall(name, then.value, now.value, lost, 1.0)
    variances = [_variance(estimate, examples, share) for estimate, examples in sides]
    total = sum(variances) + excess**2 / (old.examples + new.examples)
    p = tail(excess / math.sqrt(total), _welch(variances, degrees))
    return _Fall(name, then.value, now.value, lost, p)


def _baseline(part: Evaluated) -> Estimates:
    return part.baseline or {}


def _variance(estimate: Estimate, examples: int, share: bool) -> float:
    measured = (estimate.error or 0.0) ** 2
    if not share:
        return measured
    plus_two = (estimate.value * examples + 1) / (examples + 2)
    return max(measured, plus_two * (1 - plus_two) / examples)


def _welch(variances: list[float], degrees: list[int]) -> int:
    """Welch and Satterthwaite's degrees of freedom, rounded down."""
    below = sum(v**2 / f for v, f in zip(variances, degrees, strict=True))
    return max(1, int(sum(variances) ** 2 / below)) if below else min(degrees)


def _size(fall: _Fall) -> tuple[float, float]:
    """For sorting: the most certain first, of equally certain ones the largest."""
    return fall.p, -fall.lost


def _told(fall: _Fall) -> str:
    return f"{fall.name} was {number(fall.then)} and is {number(fall.now)}"
