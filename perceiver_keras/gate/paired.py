"""Is a model worse than another one on the same examples, and could that be chance?

The examples that are hard for both models do not count: the test is of the difference, whose standard error comes
from resampling both models together. Its one-sided t is

    t = (L - A - c) / sqrt(e^2 + (L - A)^2 / n)

L is how much worse the candidate is, A what is allowed, e the difference's standard error, n the examples. The second
part of the root is the test's error under the hypothesis that the true loss is A; without it a few examples that all
agree would have no error at all. For shares, such as accuracy, c = 1 / n is the continuity correction of McNemar's
test, and the second part of the root counts as known, so that t has more degrees of freedom than e has (Satterthwaite);
for other metrics c is 0, and t has those of e, at most n - 1.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from perceiver_keras.gate.estimates import Estimate, Evaluated
from perceiver_keras.gate.student import tail


@dataclass(frozen=True, kw_only=True)
class Loss:
    """How much worse the candidate is than the last blessed model, on all examples or on a slice.

    Attributes:
      metric, slice: Of what.
      value: The loss, in the metric; negative if the candidate is better.
      candidate, baseline: Both models' values.
      difference: The candidate's value minus the baseline's, as measured.
      examples: How many.
      p: The probability of such a loss, or a larger one, between models of which one is worse by what is allowed.
    """

    metric: str
    slice: str
    value: float
    candidate: float
    baseline: float
    difference: Estimate
    examples: int
    p: float


def loss(
    part: Evaluated, metric: str, *, lower_is_better: bool, allowed: float = 0.0
) -> Loss | None:
    """The loss on `part`; None if it was not measured there, or on too few examples to have an error."""
    candidate, baseline, difference = (
        (found or {}).get(metric) for found in (part.metrics, part.baseline, part.difference)
    )
    if candidate is None or baseline is None or difference is None:
        return None
    degrees = freedom(difference, part.examples)
    if degrees is None or not math.isfinite(difference.value):
        return None
    lost = difference.value if lower_is_better else -difference.value
    p = _chance(
        lost - allowed,
        error=difference.error or 0.0,
        degrees=degrees,
        examples=part.examples,
        step=step_of(part.examples, candidate.value, baseline.value),
    )
    return Loss(
        metric=metric,
        slice=part.slice,
        value=lost,
        candidate=candidate.value,
        baseline=baseline.value,
        difference=difference,
        examples=part.examples,
        p=p,
    )


def smallest_loss(
    part: Evaluated, metric: str, *, confidence: float, allowed: float = 0.0
) -> float | None:
    """The smallest loss that would be refused; None if this test split is too small to refuse any.

    Without a last blessed model, the error of the difference is that of two independent models like this one, which is
    more than that of models that find the same examples hard.
    """
    own = part.metrics.get(metric)
    if own is None:
        return None
    difference = (part.difference or {}).get(metric)
    if difference is None:
        error, measured = math.sqrt(2) * (own.error or 0.0), own
    else:
        error, measured = difference.error or 0.0, difference
    degrees = freedom(measured, part.examples)
    if degrees is None:
        return None
    step = step_of(part.examples, own.value)

    def refused(excess: float) -> bool:
        p = _chance(excess, error=error, degrees=degrees, examples=part.examples, step=step)
        return p < 1 - confidence

    low, high = 0.0, 1.0 if step else max(error, 1e-9 * abs(own.value), 1e-12)
    while not refused(high):
        if step or high > 1e6 * max(error, abs(own.value), 1e-12):
            return None
        low, high = high, 2 * high
    for _ in range(30):
        middle = (low + high) / 2
        low, high = (low, middle) if refused(middle) else (middle, high)
    return allowed + high


def _chance(excess: float, *, error: float, degrees: int, examples: int, step: float) -> float:
    """p of a loss that exceeds what is allowed by `excess`."""
    if excess <= step:
        return 1.0
    measured, known = error**2, excess**2 / examples
    if step:
        total = measured + known
        degrees = int(min(1e9, degrees * total**2 / max(measured**2, 1e-9 * total**2)))
    return tail((excess - step) / math.sqrt(measured + known), degrees)


def freedom(estimate: Estimate, examples: int) -> int | None:
    """Degrees of freedom of an error: at most one less than there are examples; None if there are none."""
    known = examples - 1 if estimate.freedom is None else min(estimate.freedom, examples - 1)
    return known if known >= 1 else None


def is_share(*values: float) -> bool:
    """Whether these may be shares, such as accuracy: all are from 0 to 1."""
    return all(0 <= value <= 1 for value in values)


def step_of(examples: int, *values: float) -> float:
    """What one example can change in a share, 1 / n; 0 for other metrics."""
    return 1 / examples if is_share(*values) else 0.0
