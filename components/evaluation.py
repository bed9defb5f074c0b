"""The Evaluator's results as plain numbers and sentences. `uri` is that of its `evaluation` artifact."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator

import tensorflow_model_analysis as tfma
from tensorflow_model_analysis.proto import metrics_for_slice_pb2


def evaluation_metrics(uri: str) -> dict[str, float]:
    """The candidate's metrics on all examples, by name; without those for which there was nothing to count."""
    return _overall(uri, {tfma.CANDIDATE_KEY, ""})


def baseline_metrics(uri: str) -> dict[str, float] | None:
    """The last blessed model's metrics on the same examples; None if there was no such model."""
    return _overall(uri, {tfma.BASELINE_KEY}) or None


def failures(uri: str) -> list[str]:
    """One sentence per threshold that the candidate missed; empty if it passed."""
    result = tfma.load_validation_result(uri, "tfrecord")
    own, before = evaluation_metrics(uri), baseline_metrics(uri) or {}
    sentences = [
        _sentence(failure, own, before)
        for per_slice in result.metric_validations_per_slice
        for failure in per_slice.failures
    ]
    if not (result.validation_ok or sentences):
        sentences.append("The evaluation found no examples, or no metric with a threshold.")
    return sentences


def _sentence(failure, own: dict[str, float], before: dict[str, float]) -> str:
    name = failure.metric_key.name
    if failure.metric_key.is_diff:
        allowed = abs(failure.metric_threshold.change_threshold.absolute.value)
        allowed = 0.0 if allowed < 1e-6 else allowed
        return (
            f"{name} is {_number(own.get(name))}, worse than the last blessed model's "
            f"{_number(before.get(name))} by more than evaluate.allowed_drop = {allowed:g}."
        )
    bounds = failure.metric_threshold.value_threshold
    if bounds.HasField("lower_bound"):
        wanted = f"at least {bounds.lower_bound.value:g}"
    else:
        wanted = f"at most {bounds.upper_bound.value:g}"
    return f"{name} is {_number(own.get(name))}; evaluate.thresholds.{name} asks for {wanted}."


def _number(value: float | None) -> str:
    return "unknown" if value is None or math.isnan(value) else f"{value:.4g}"


def _overall(uri: str, models: set[str]) -> dict[str, float]:
    found = {
        key.name: value
        for key, value in _values(uri)
        if key.model_name in models and not key.is_diff and not key.HasField("sub_key")
    }
    ratios = _ratios(uri)
    return {k: v for k, v in found.items() if not (k in ratios and math.isnan(v))}


def _ratios(uri: str) -> set[str]:
    """The metrics of which NaN means that there was nothing to count: `ColumnRatio`s."""
    specs = tfma.load_eval_result(uri).config.metrics_specs
    return {
        json.loads(metric.config).get("name", "")
        for spec in specs
        for metric in spec.metrics
        if metric.class_name.split(">")[-1] == "ColumnRatio"
    }


def _values(uri: str) -> Iterator[tuple[metrics_for_slice_pb2.MetricKey, float]]:
    """The metrics of the slice of all examples."""
    for record in tfma.load_metrics(uri, "tfrecord"):
        if record.slice_key.single_slice_keys or record.HasField("cross_slice_key"):
            continue
        for item in record.metric_keys_and_values:
            kind = item.value.WhichOneof("type")
            if kind == "double_value":
                yield item.key, item.value.double_value.value
            elif kind == "bounded_value":
                yield item.key, item.value.bounded_value.value.value
