"""The Evaluator's results as plain numbers. `uri` is that of its `evaluation` artifact."""

from __future__ import annotations

import dataclasses
import json
import math

import tensorflow_model_analysis as tfma
from tensorflow_model_analysis.proto import metrics_for_slice_pb2

from perceiver_keras.gate.estimates import Estimate, Evaluated
from perceiver_keras.gate.student import quantile

CANDIDATE, BASELINE, DIFFERENCE = "candidate", "baseline", "difference"
COUNT = "example_count"
LEVEL = 0.95  # of TFMA's intervals
# Metrics of which NaN means that there was nothing to count.
MEANS = (
    "Agreement",
    "AveragePrecision",
    "ColumnRatio",
    "CalibrationError",
    "ColumnCalibrationError",
    "LabelwiseCalibrationError",
)

# Metrics from 0 to 1.
SHARES = ("Accuracy", "accuracy", "AveragePrecision", "CalibrationError")


def evaluated(uri: str) -> Evaluated:
    """All that was measured, with intervals, on all examples and per slice.

    A metric is left out where there was nothing to count. Its interval is left out where TFMA found none: in a slice of
    one example, and if a part of the examples had nothing to count.
    """
    means, shares = _named(uri, MEANS), _named(uri, SHARES)
    parts = [
        _part(record, means, shares)
        for record in tfma.load_metrics(uri, "tfrecord")
        if not record.HasField("cross_slice_key")
    ]
    slices = sorted((part for part in parts if part.slice), key=_in_order)
    whole = next((part for part in parts if not part.slice), Evaluated(examples=0, metrics={}))
    return dataclasses.replace(whole, slices=tuple(slices))


def _part(
    record: metrics_for_slice_pb2.MetricsForSlice, means: set[str], shares: set[str]
) -> Evaluated:
    found: dict[str, dict[str, Estimate]] = {CANDIDATE: {}, BASELINE: {}, DIFFERENCE: {}}
    for item in record.metric_keys_and_values:
        key, value = item.key, _number_of(item.value)
        if value is None or key.HasField("sub_key"):
            continue
        if math.isnan(value) and key.name in means:
            continue
        whose = (
            DIFFERENCE
            if key.is_diff
            else BASELINE
            if key.model_name == tfma.BASELINE_KEY
            else CANDIDATE
        )
        found[whose][key.name] = _estimate(value, item.confidence_interval)
    counts = [metrics.pop(COUNT, None) for metrics in found.values()]
    examples = 0 if counts[0] is None else round(counts[0].value)
    found = {
        whose: {
            name: _within(_for_few(one, examples), name in shares and whose != DIFFERENCE)
            for name, one in metrics.items()
        }
        for whose, metrics in found.items()
    }
    return Evaluated(
        examples=examples,
        metrics=found[CANDIDATE],
        baseline=found[BASELINE] or None,
        difference=found[DIFFERENCE] or None,
        slice=",".join(_slice_name(one) for one in record.slice_key.single_slice_keys),
    )


def _slice_name(key: metrics_for_slice_pb2.SingleSliceKey) -> str:
    value = getattr(key, key.WhichOneof("kind"))
    return f"{key.column}={value.decode() if isinstance(value, bytes) else value}"


def _in_order(part: Evaluated) -> tuple[str, float, str]:
    """By feature; numbers and buckets in their order, names by the alphabet."""
    feature, _, value = part.slice.partition("=")
    low = value.partition("..")[0] if ".." in value else value
    try:
        return feature, float(low or "-inf"), value
    except ValueError:
        return feature, math.inf, value


def _estimate(value: float, interval: metrics_for_slice_pb2.ConfidenceInterval) -> Estimate:
    low, high, error = (
        _number_of(getattr(interval, name))
        for name in ("lower_bound", "upper_bound", "standard_error")
    )
    if None in (low, high, error) or not all(map(math.isfinite, (low, high, error))):
        return Estimate(value=value)
    freedom = interval.degrees_of_freedom.value
    return Estimate(value=value, low=low, high=high, error=error, freedom=freedom)


def _for_few(estimate: Estimate, examples: int) -> Estimate:
    """With as many degrees of freedom as there can be: TFMA's are of 20 groups, which fewer examples do not fill."""
    if estimate.freedom is None or examples > estimate.freedom:
        return estimate
    if examples < 2:
        return Estimate(value=estimate.value)
    reach = quantile((1 + LEVEL) / 2, examples - 1) * estimate.error
    low, high = estimate.value - reach, estimate.value + reach
    return dataclasses.replace(estimate, low=low, high=high, freedom=examples - 1)


def _number_of(value: metrics_for_slice_pb2.MetricValue) -> float | None:
    kind = value.WhichOneof("type")
    if kind == "double_value":
        return value.double_value.value
    return value.bounded_value.value.value if kind == "bounded_value" else None


def _within(estimate: Estimate, is_share: bool) -> Estimate:
    """A share's interval does not leave 0 to 1, as a symmetric one would."""
    if not is_share or estimate.low is None or estimate.high is None:
        return estimate
    return dataclasses.replace(estimate, low=max(estimate.low, 0.0), high=min(estimate.high, 1.0))


def _named(uri: str, classes: tuple[str, ...]) -> set[str]:
    """The names of the metrics whose class, or whose name, ends in one of these words."""
    specs = tfma.load_eval_result(uri).config.metrics_specs
    found = set()
    for metric in (metric for spec in specs for metric in spec.metrics):
        name = json.loads(metric.config or "{}").get("name", "")
        if metric.class_name.endswith(classes) or name.lower().endswith(classes):
            found.add(name)
    return found
