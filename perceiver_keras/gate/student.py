"""Student's t distribution for whole degrees of freedom, in closed form, and Holm's correction for many tests.

The pipeline's rules must not depend on SciPy, which an installation without TensorFlow Model Analysis lacks.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from statistics import NormalDist

NORMAL_FROM = (
    2000  # degrees of freedom from which t is taken for normal: they differ by less than 0.001
)


def tail(t: float, freedom: int) -> float:
    """The probability that T is above t, by the finite series of Abramowitz and Stegun, 26.7.3 and 26.7.4."""
    if freedom < 1:
        raise ValueError(f"freedom is {freedom}; it must be at least 1.")
    if math.isinf(t):
        return 0.0 if t > 0 else 1.0
    if freedom >= NORMAL_FROM:
        return NormalDist().cdf(-t)
    angle = math.atan(t / math.sqrt(freedom))
    sine, square = math.sin(angle), math.cos(angle) ** 2
    odd = freedom % 2
    term = math.cos(angle) if odd else 1.0
    total = term if freedom > 1 else 0.0
    for k in range(2 + odd, freedom - 1, 2):
        term *= square * (k - 1) / k
        total += term
    inside = 2 / math.pi * (angle + sine * total) if odd else sine * total
    return (1 - inside) / 2


def quantile(confidence: float, freedom: int) -> float:
    """The t that T stays below with this probability, which must be at least 0.5 and below 1."""
    if not 0.5 <= confidence < 1:
        raise ValueError(f"confidence is {confidence}; it must be at least 0.5 and below 1.")
    low, high = 0.0, 1.0
    while tail(high, freedom) > 1 - confidence:
        low, high = high, 2 * high
    for _ in range(100):
        middle = (low + high) / 2
        if tail(middle, freedom) > 1 - confidence:
            low = middle
        else:
            high = middle
    return high


def holm(p_values: Sequence[float], confidence: float) -> list[bool]:
    """Which hypotheses are rejected so that, with this probability, no true one is among them (Holm 1979)."""
    order = sorted(range(len(p_values)), key=p_values.__getitem__)
    rejected = [False] * len(p_values)
    for place, index in enumerate(order):
        if not p_values[index] <= (1 - confidence) / (len(p_values) - place):
            break
        rejected[index] = True
    return rejected
