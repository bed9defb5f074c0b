"""Better than nothing: what the trivial guess reaches, such as naming the commonest class, a model must clearly beat.

    t = (G - c) / sqrt(max(e^2 + G^2 / n, g (1 - g) / n))

G is how much better than the guess g the model is, e its standard error, n the examples. The other parts are there for
few examples, which may all be answered right and then have no error at all: the model's error under the hypothesis
that it is as good as the guess, and for shares, such as accuracy, that of n draws with the chance g, with the
continuity correction c = 1 / (2 n).
"""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping

from perceiver_keras.errors import UsageError
from perceiver_keras.gate import thresholds as grammar
from perceiver_keras.gate.check import Check, number
from perceiver_keras.gate.estimates import Estimate, Evaluated
from perceiver_keras.gate.paired import freedom, is_share
from perceiver_keras.gate.student import tail

# How far a threshold may lie below the guess.
ROUNDING = 0.001  # it was rounded
# It was measured on other examples than the guess, or otherwise: settings found in the user's own data, or a run on the
# first few examples only.
SAMPLED_ERRORS = 3.0  # standard errors of a share
SAMPLED_SHARE = 0.05  # and this much, in a share
SAMPLED_OTHER = 0.25  # of the guess, in other metrics


def beats(
    own: Estimate, guess: float, *, examples: int, lower_is_better: bool, confidence: float
) -> bool:
    """Whether a model is better than the guess by more than chance, one-sided at `confidence`."""
    degrees = freedom(own, examples)
    gain = guess - own.value if lower_is_better else own.value - guess
    if degrees is None or not math.isfinite(gain) or gain <= 0:
        return False
    variance, step = (own.error or 0.0) ** 2 + gain**2 / examples, 0.0
    if is_share(own.value, guess):
        variance, step = max(variance, guess * (1 - guess) / examples), 1 / (2 * examples)
    elif own.error is None:
        return False
    return tail((gain - step) / math.sqrt(variance), degrees) < 1 - confidence


def checks(
    found: Evaluated,
    trivial: Mapping[str, float],
    *,
    metrics: Collection[str],
    lower_is_better: Collection[str],
    confidence: float,
) -> list[Check]:
    """One check per metric with a threshold and a guess; if there is no such metric, that the model beats any guess."""
    known = {name: guess for name, guess in trivial.items() if math.isfinite(guess)}
    judged = [name for name in metrics if name in known]
    if judged:
        return [_check(found, name, known[name], lower_is_better, confidence) for name in judged]
    others = [
        _check(found, name, guess, lower_is_better, confidence)
        for name, guess in known.items()
        if name in found.metrics
    ]
    better = [check for check in others if check.passed]
    if others and not better:
        return others
    none = "The task has no trivial guess of any metric that was measured."
    return better[:1] or [Check("trivial guess", None, none)]


def _check(
    found: Evaluated, name: str, guess: float, lower_is_better: Collection[str], confidence: float
) -> Check:
    title, own = f"trivial guess {name}", found.metrics.get(name)
    if own is None:
        return Check(
            title, False, f"{name} was not measured, so nothing shows that the model beats a guess."
        )
    passed = beats(
        own,
        guess,
        examples=found.examples,
        lower_is_better=name in lower_is_better,
        confidence=confidence,
    )
    told = f"{name} is {spread(own)}, the trivial guess's is {number(guess)}"
    if passed:
        return Check(title, True, f"{told}.")
    gain = guess - own.value if name in lower_is_better else own.value - guess
    if not gain > 0:
        return Check(
            title, False, f"{told}: the model is not better than the guess, whatever the threshold."
        )
    return Check(
        title,
        False,
        f"{told}: on {found.examples:,} test examples that is no more than chance at {confidence:.4g} confidence, "
        "whatever the threshold.",
    )


def spread(own: Estimate) -> str:
    """ "0.95 (0.93 to 0.97)", or the value alone where there is no interval."""
    if own.low is None or own.high is None:
        return number(own.value)
    return f"{number(own.value)} ({number(own.low)} to {number(own.high)})"


def check_thresholds(
    thresholds: Mapping[str, float],
    trivial: Mapping[str, float],
    *,
    examples: int,
    lower_is_better: Collection[str],
    sampled: bool = False,
) -> None:
    """Refuses thresholds of the whole test split that the trivial guess already reaches with room.

    Where the guess is perfect, as on a test split of one class, no model can be better, so every threshold is refused.

    Args:
      thresholds: `evaluate.thresholds`. Those of slices are not looked at: the guess is of the whole split.
      trivial: The guess's metrics on the test split.
      examples: How many the test split has.
      lower_is_better: Names of metrics.
      sampled: Whether a threshold may come from other examples than the guess, and needs more room.

    Raises:
      UsageError: a threshold is below the guess, or above it where lower is better; or the guess is perfect.
    """
    for threshold in grammar.parse(thresholds):
        guess = trivial.get(threshold.metric)
        if threshold.feature or guess is None or not math.isfinite(guess):
            continue
        lower = threshold.metric in lower_is_better
        if guess == (0.0 if lower else 1.0):
            raise UsageError(
                f"evaluate.thresholds.{threshold.key}: the trivial guess already reaches {guess:g} on the "
                f"{examples:,} examples of the test split, as if all were of one class, so no model can be better; "
                "use a test split with different examples, or set a threshold for another metric."
            )
        room = (threshold.bound - guess) if lower else (guess - threshold.bound)
        if room <= _allowed(guess, threshold.bound, examples, sampled):
            continue
        raise UsageError(
            f"evaluate.thresholds.{threshold.key} is {threshold.bound:g}, but the trivial guess reaches "
            f"{number(guess)} on the {examples:,} examples of the test split, so any model would pass; set it "
            f"{'lower' if lower else 'higher'}, e.g. --set evaluate.thresholds.{threshold.key}="
            f"{_suggested(guess, lower)}."
        )


def _allowed(guess: float, bound: float, examples: int, sampled: bool) -> float:
    if not sampled:
        return ROUNDING * max(1.0, abs(guess))
    if not is_share(guess, bound):
        return SAMPLED_OTHER * max(abs(guess), abs(bound))
    error = math.sqrt(guess * (1 - guess) / max(examples, 1))
    return SAMPLED_SHARE + SAMPLED_ERRORS * error


def _suggested(guess: float, lower_is_better: bool) -> str:
    """A little better than the guess: a tenth of what is left for a share, else of its size."""
    if lower_is_better:
        return f"{guess - 0.1 * abs(guess):.3g}"
    left = 1 - guess if is_share(guess) else abs(guess)
    return f"{guess + 0.1 * left:.3g}"
