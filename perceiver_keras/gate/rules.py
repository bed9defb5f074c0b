"""The gate's rules, in the order in which people read them: what was measured -> a list of checks.

docs/gate.md says what each refusal means and what to do about it. `confidence` is that of each rule: where a rule tests
several metrics or slices, Holm's correction holds it for all of them together.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Iterable, Mapping
from typing import Any

from perceiver_keras.config import EvaluateConfig
from perceiver_keras.gate import changed, guess, paired, thresholds
from perceiver_keras.gate.check import Check, listed, number
from perceiver_keras.gate.estimates import Estimate, Evaluated
from perceiver_keras.gate.guess import spread
from perceiver_keras.gate.student import holm, quantile

ALIKE = "training and serving"  # a check's name
FEWEST_COMPARED = 100  # examples, below which it is said that they are few
EXACT = 1e-9  # a threshold is reached if what is missing is only the rounding of a sum


def judge(
    found: Evaluated,
    settings: EvaluateConfig,
    *,
    trivial: Mapping[str, float],
    lower_is_better: Collection[str],
    has_baseline: bool = False,
    before: Evaluated | None = None,
    serving: Mapping[str, Any] | None = None,
) -> list[Check]:
    """All checks; the model may be served if `passed` says so.

    Args:
      found: The candidate and the last blessed model on the test split.
      settings: Thresholds, allowed drop, confidence, bounds of serving.
      trivial: The trivial guess's metrics on the test split.
      lower_is_better: Names of metrics.
      has_baseline: Whether there is a last blessed model to compare with.
      before: What was measured about that model when it was blessed.
      serving: The ServingValidator's verdict; None if it was not asked.
    """
    wanted = thresholds.parse(settings.thresholds)
    metrics = list(dict.fromkeys(threshold.metric for threshold in wanted))
    checks = [_finite(found)]
    checks += [_threshold(found, one, one.metric in lower_is_better) for one in wanted]
    checks += guess.checks(
        found,
        trivial,
        metrics=metrics,
        lower_is_better=lower_is_better,
        confidence=settings.confidence,
    )
    if not has_baseline:
        checks.append(Check("last blessed", None, "There is no blessed model to compare with."))
    elif found.baseline is None:
        missing = (
            "The last blessed model was not evaluated, so nothing shows that this one is not worse."
        )
        checks.append(Check("last blessed", False, missing))
    else:
        checks += _not_worse(found, metrics, settings, lower_is_better)
        checks += _slices_not_worse(found, metrics, settings, lower_is_better)
        checks.append(
            changed.check(
                before,
                found,
                metrics=metrics,
                lower_is_better=lower_is_better,
                confidence=settings.confidence,
            )
        )
    if serving is not None:
        checks.append(_serves(serving, settings))
        checks += _serves_alike(serving, found.examples)
    return checks + _too_small(found, wanted, settings, lower_is_better)


def passed(checks: Iterable[Check]) -> bool:
    """Whether no check refuses the model, and at least one was made."""
    verdicts = [check.passed for check in checks]
    return True in verdicts and False not in verdicts


def smallest_differences(found: Evaluated, settings: EvaluateConfig) -> dict[str, float]:
    """Per metric with a threshold, the smallest loss on the test split that would be refused."""
    metrics = {threshold.metric for threshold in thresholds.parse(settings.thresholds)}
    smallest = {
        metric: paired.smallest_loss(
            found,
            metric,
            confidence=_of_one(settings.confidence, len(metrics)),
            allowed=settings.allowed_drop,
        )
        for metric in sorted(metrics)
    }
    return {metric: value for metric, value in smallest.items() if value is not None}


def _finite(found: Evaluated) -> Check:
    """A metric of which there was nothing to count is absent; one that is not a number has seen such an answer."""
    bad = {name: own.value for name, own in found.metrics.items() if not math.isfinite(own.value)}
    judged = [f"{name} is {value}" for name, value in sorted(bad.items())]
    if bad:
        text = f"{listed(judged)}: some of the model's answers are not finite numbers."
        return Check("finite numbers", False, text)
    if not found.examples:
        return Check("finite numbers", False, "The test split has no examples.")
    return Check("finite numbers", True, f"All {len(found.metrics)} metrics are finite numbers.")


def _threshold(found: Evaluated, wanted: thresholds.Threshold, lower_is_better: bool) -> Check:
    name, setting = f"threshold {wanted.key}", f"evaluate.thresholds.{wanted.key}"
    bound = f"at {'most' if lower_is_better else 'least'} {wanted.bound:g}"
    part = wanted.worst(found, lower_is_better)
    if part is None:
        if not wanted.parts(found):
            where = f"{wanted.feature}={wanted.value}" if wanted.value else wanted.feature
            none = f"The test split has no examples with {where}; {setting} asks for {bound}."
            return Check(name, False, none)
        return Check(name, False, f"{wanted.metric} was not measured; {setting} asks for {bound}.")
    own = part.metrics[wanted.metric]
    reached = (wanted.bound - own.value) if lower_is_better else (own.value - wanted.bound)
    title = f"{wanted.metric}@{part.slice}" if part.slice else wanted.metric
    worst = ", the worst slice," if wanted.feature and not wanted.value else ""
    told = f"{title}{worst} is {number(own.value)}; {setting} asks for {bound}."
    return Check(name, reached >= -EXACT * max(1.0, abs(wanted.bound)), told)


def _not_worse(
    found: Evaluated,
    metrics: Collection[str],
    settings: EvaluateConfig,
    lower_is_better: Collection[str],
) -> list[Check]:
    losses = {metric: _loss(found, metric, settings, lower_is_better) for metric in metrics}
    known = [loss for loss in losses.values() if loss is not None]
    refused = dict(
        zip(
            [loss.metric for loss in known],
            holm([loss.p for loss in known], settings.confidence),
            strict=True,
        )
    )
    smallest = smallest_differences(found, settings)
    checks = []
    for metric, loss in losses.items():
        name = f"last blessed {metric}"
        if loss is None:
            checks.append(_not_compared(found, metric, name))
            continue
        told = f"{_compared(loss)}. {_could_show(smallest.get(metric), found.examples)}"
        if refused[metric]:
            told = f"{_worse(loss, settings)} {told}"
        checks.append(Check(name, not refused[metric], told))
    return checks


def _not_compared(found: Evaluated, metric: str, name: str) -> Check:
    """The candidate's number must exist; an older model may lack it, or the split be too small for an error."""
    if metric in (found.baseline or {}) and metric not in found.metrics:
        text = f"The last blessed model has {metric}, this model has none."
        return Check(name, False, text)
    return Check(
        name,
        None,
        f"{metric} of the last blessed model and of this one cannot be compared: it was not measured for both, or "
        "the test split has too few examples to say how sure it is.",
    )


def _slices_not_worse(
    found: Evaluated,
    metrics: Collection[str],
    settings: EvaluateConfig,
    lower_is_better: Collection[str],
) -> list[Check]:
    losses = [
        loss
        for part in found.slices
        for metric in metrics
        if (loss := _loss(part, metric, settings, lower_is_better)) is not None
    ]
    if not losses:
        return []
    refused = holm([loss.p for loss in losses], settings.confidence)
    worse = sorted(
        (loss for loss, sure in zip(losses, refused, strict=True) if sure), key=lambda loss: loss.p
    )
    if not worse:
        most = max(losses, key=lambda loss: loss.value)
        text = (
            f"None of {len(losses)} numbers of slices is worse than the last blessed model's by more than chance"
            f"{_beyond(settings)}; the largest loss: {_compared(most)}."
        )
        return [Check("slices", True, text)]
    told = listed([_compared(loss) for loss in worse])
    text = (
        f"Worse than the last blessed model by more than chance{_beyond(settings)}, at "
        f"{settings.confidence:.4g} confidence over {len(losses)} numbers: {told}."
    )
    return [Check("slices", False, text)]


def _loss(
    part: Evaluated, metric: str, settings: EvaluateConfig, lower_is_better: Collection[str]
) -> paired.Loss | None:
    return paired.loss(
        part,
        metric,
        lower_is_better=metric in lower_is_better,
        allowed=settings.allowed_drop,
    )


def _compared(loss: paired.Loss) -> str:
    name = f"{loss.metric}@{loss.slice}" if loss.slice else loss.metric
    difference = loss.difference
    interval = ""
    if difference.low is not None and difference.high is not None:
        interval = f" ({difference.low:+.4g} to {difference.high:+.4g})"
    return (
        f"{name} is {number(loss.candidate)}, the last blessed model's is {number(loss.baseline)} on the same "
        f"{loss.examples:,} examples: {difference.value:+.4g}{interval}"
    )


def _worse(loss: paired.Loss, settings: EvaluateConfig) -> str:
    return (
        f"{loss.metric} is worse than the last blessed model's by more than "
        f"evaluate.allowed_drop = {settings.allowed_drop:g} and chance, at {settings.confidence:.4g} confidence."
    )


def _beyond(settings: EvaluateConfig) -> str:
    allowed = settings.allowed_drop
    return f" and evaluate.allowed_drop = {allowed:g}" if allowed else ""


def _could_show(smallest: float | None, examples: int) -> str:
    if smallest is None:
        return f"{examples:,} examples are too few to show any loss."
    return f"The smallest loss that {examples:,} examples can show is {number(smallest)}."


def _of_one(confidence: float, tests: int) -> float:
    """The confidence of the first of Holm's tests."""
    return 1 - (1 - confidence) / max(tests, 1)


def _serves(serving: Mapping[str, Any], settings: EvaluateConfig) -> Check:
    """The ServingValidator has held what it measured against the bounds; here people read both."""
    cause = serving.get("cause")
    if cause:
        return Check("serving", False, f"It does not serve: {cause}")
    told = [text for text in _measured(serving, settings) if text]
    return Check("serving", True, f"It serves{': ' if told else ''}{', '.join(told)}.")


def _serves_alike(serving: Mapping[str, Any], examples: int) -> list[Check]:
    """On how many examples the export answered as the trained model does; a note if these are few."""
    skew = serving.get("skew") or {}
    compared = skew.get("examples")
    if not compared or skew.get("stage"):
        return []  # not compared, or refused by the ServingValidator
    told = f"The export answers as the trained model does on {compared:,} of {examples:,} test examples"
    if compared >= min(FEWEST_COMPARED, examples):
        return [Check(ALIKE, True, f"{told}.")]
    why = "more would take too long, or too much space, so a difference in a few of them may go unseen"
    return [Check(ALIKE, None, f"{told}: {why}.")]


def _measured(serving: Mapping[str, Any], settings: EvaluateConfig) -> list[str]:
    requests = (serving.get("latency") or {}).get("requests") or [{}]
    rows = [
        ("latency (95 % of requests)", requests[0].get("p95_ms"), settings.max_latency_ms, "ms"),
        ("loading", serving.get("load_seconds"), settings.max_load_seconds, "s"),
        ("size", _mebibytes(serving.get("size_bytes")), settings.max_size_mb, "MiB"),
        ("memory", _mebibytes(serving.get("peak_memory_bytes")), settings.max_memory_mb, "MiB"),
        (
            "its latency is",
            serving.get("slowdown"),
            settings.max_slowdown,
            "times the last blessed model's",
        ),
    ]
    return [_row(*row) for row in rows if row[1] is not None]


def _row(what: str, value: float, bound: float | None, unit: str) -> str:
    limit = "" if bound is None else f" of at most {bound:g}"
    return f"{what} {value:.3g}{limit} {unit}"


def _mebibytes(size: float | None) -> float | None:
    return None if size is None else size / 2**20


def _too_small(
    found: Evaluated,
    wanted: list[thresholds.Threshold],
    settings: EvaluateConfig,
    lower_is_better: Collection[str],
) -> list[Check]:
    """A note on thresholds that are within the model's interval: another test split may say the opposite."""
    unsure = []
    for one in wanted:
        part = one.worst(found, one.metric in lower_is_better)
        own = None if part is None else part.metrics[one.metric]
        if own is not None and _contains(own, one.bound, part.examples, settings.confidence):
            unsure.append(
                f"{one.key} is {spread(own)} on {part.examples:,} examples, the threshold {one.bound:g}"
            )
    if not unsure:
        return []
    text = (
        "The test split is too small to tell on which side of its threshold the model is; the verdict goes by the "
        f"value: {listed(unsure)}."
    )
    return [Check("test split", None, text)]


def _contains(own: Estimate, bound: float, examples: int, confidence: float) -> bool:
    degrees = paired.freedom(own, examples)
    if degrees is None or not math.isfinite(own.value):
        return True
    error = own.error or 0.0
    if paired.is_share(own.value, bound):
        error = max(error, math.sqrt(bound * (1 - bound) / examples))
    return abs(own.value - bound) <= quantile(confidence, degrees) * error
