"""The keys of `evaluate.thresholds`: `accuracy`, `accuracy@label=7` in one slice, `accuracy@label` in each of them."""

from __future__ import annotations

import math
import shlex
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from perceiver_keras.data.described.buckets import Slice, bucket_names, parse_slices
from perceiver_keras.data.described.kinds import Kind
from perceiver_keras.errors import UsageError, nearest
from perceiver_keras.gate.estimates import Evaluated


@dataclass(frozen=True, kw_only=True)
class Threshold:
    """A limit that a metric must reach.

    Attributes:
      key: As it is written in the settings.
      bound: The limit.
      metric: Of which metric.
      feature: The feature by which the test split is cut, "label" or "text/words"; "" for all examples.
      value: The slice's value of the feature, "7" or "10..100"; "" for each slice.
    """

    key: str
    bound: float
    metric: str
    feature: str = ""
    value: str = ""

    def parts(self, evaluated: Evaluated) -> list[Evaluated]:
        """The parts that must reach it: all examples, one slice or each; [] if the split has no such example."""
        if self.feature and not self.value:
            return evaluated.of_feature(self.feature)
        part = evaluated.part(f"{self.feature}={self.value}" if self.feature else "")
        return [] if part is None else [part]

    def worst(self, evaluated: Evaluated, lower_is_better: bool) -> Evaluated | None:
        """The part with the worst value; None if the metric was measured in none of them."""
        measured = [part for part in self.parts(evaluated) if self.metric in part.metrics]

        def badness(part: Evaluated) -> float:
            value = part.metrics[self.metric].value
            if math.isnan(value):
                return math.inf
            return value if lower_is_better else -value

        return max(measured, key=badness, default=None)


def parse(thresholds: Mapping[str, float]) -> list[Threshold]:
    """The settings' thresholds, in their order.

    Raises:
      UsageError: a key has an "@" and no feature after it, or no metric before it.
    """
    return [_parsed(key, bound) for key, bound in thresholds.items()]


def _parsed(key: str, bound: float) -> Threshold:
    metric, at, slice_name = key.partition("@")
    feature, equals, value = slice_name.partition("=")
    if not metric or (at and not feature) or (equals and not value):
        raise UsageError(
            f"evaluate.thresholds.{key}: write it as metric, metric@feature=value or metric@feature, "
            "e.g. accuracy@label=7."
        )
    return Threshold(key=key, bound=bound, metric=metric, feature=feature, value=value)


def selecting(thresholds: Mapping[str, float], measured: Iterable[str]) -> str:
    """The metric that selects the best of several models: the first with a threshold that was measured, or "loss"."""
    known = set(measured)
    return next((t.metric for t in parse(thresholds) if t.metric in known), "loss")


def check(
    thresholds: Mapping[str, float],
    metrics: Iterable[str],
    slices: Sequence[str] = (),
    kinds: Mapping[str, Kind] | None = None,
    names: Sequence[str] | None = None,
    ranges: Mapping[str, tuple[float, float]] | None = None,
    parts: Mapping[str, Sequence[str]] | None = None,
) -> None:
    """Raises if a threshold could never be judged, or lies where its metric never does.

    Args:
      thresholds: As in the settings.
      metrics: The names of those that are measured.
      slices: As in `evaluate.slices`.
      kinds: What the stored features are, as in `Examples.kinds`.
      names: Of the classes, if they are known.
      ranges: The least and the greatest value of a metric, by its name.
      parts: Names of tags and of columns by their feature, as in `Examples.names`.

    Raises:
      UsageError: there is no such metric, feature, bucket or class, and the nearest is offered; or the bound is out of
        the metric's range, or is a class.
    """
    kinds, metrics = kinds or {}, list(metrics)
    parsed = parse(thresholds)
    for threshold in parsed:
        if threshold.metric not in metrics:
            raise UsageError(
                f"evaluate.thresholds.{threshold.key}: no such metric."
                f"{nearest(threshold.metric, metrics)}"
            )
    cuts = {cut.key: cut for cut in parse_slices(with_slices(slices, thresholds, kinds), kinds)}
    known_names = _known_names(kinds, names, parts or {})
    for threshold in parsed:
        if threshold.value:
            known = _values(cuts[threshold.feature], known_names)
            if known is not None and threshold.value not in known:
                options = [f"{threshold.feature}={value}" for value in known]
                wrong = f"{threshold.feature}={threshold.value}"
                raise UsageError(
                    f"evaluate.thresholds.{threshold.key}: no such slice {wrong!r}."
                    f"{nearest(wrong, options)}"
                )
        known = _values(cuts[threshold.feature], known_names) if threshold.feature else None
        _check_bound(threshold, (ranges or {}).get(threshold.metric), known or ())


def _check_bound(
    threshold: Threshold, allowed: tuple[float, float] | None, known: Sequence[str]
) -> None:
    """Raises if the bound is none of the metric's values; what is meant as a slice is easily read as the bound.

    Args:
      threshold: Any.
      allowed: The metric's least and greatest value; None: it may have any.
      known: The slices of the threshold's feature.
    """
    bound, setting = threshold.bound, f"evaluate.thresholds.{threshold.key}"
    low, high = allowed or (-math.inf, math.inf)
    each = bool(threshold.feature and not threshold.value)
    is_slice = each and bound in (low, high) and f"{bound:g}" in known  # such as class 1 of 10
    if low <= bound <= high and not is_slice:
        return
    at, lies = f"{bound:g}", f"{threshold.metric} lies from {low:g} to {high:g}"
    if each:
        name = at if at in known or not known else known[0]
        example = f"{setting}={name}={_inside(math.inf, low, high)}"
        raise UsageError(
            f"{setting} is {at}, which is read as the bound for each slice of {threshold.feature}, and {lies}. For "
            f"one slice give its name and then the bound, as in --set {shlex.quote(example)}."
        )
    example = f"{setting}={_inside(bound, low, high)}"
    raise UsageError(
        f"{setting} is {at}, and {lies}, so it tells no model from another; set a bound in there, as "
        f"in --set {shlex.quote(example)}."
    )


def _inside(bound: float, low: float, high: float) -> str:
    """An example of a bound: what was meant as per cent, as a share; else nine tenths of the greatest value."""
    if not math.isfinite(high):
        return f"{abs(bound) if math.isfinite(bound) else 1.0:g}"
    return f"{bound / 100:g}" if high == 1 and 10 < bound < 100 else f"{0.9 * high:g}"


def _known_names(
    kinds: Mapping[str, Kind], names: Sequence[str] | None, parts: Mapping[str, Sequence[str]]
) -> dict[str, Sequence[str]]:
    """The names that a feature has, where they are known; of tags without the first, which is no slice."""
    labels = {key: names for key, kind in kinds.items() if names and kind in ("label", "labels")}
    return labels | {
        key: parts[key][1:] for key, kind in kinds.items() if kind == "tags" and key in parts
    }


def _values(cut: Slice, known_names: Mapping[str, Sequence[str]]) -> Sequence[str] | None:
    """All values of a slice; None if only the data can tell."""
    return bucket_names(cut.edges) if cut.edges else known_names.get(cut.key)


def with_slices(
    slices: Sequence[str], thresholds: Mapping[str, float], kinds: Mapping[str, Kind]
) -> tuple[str, ...]:
    """The slices, and those that a threshold is for; where a bucket is none of the measure's own, cut at its ends.

    Raises:
      UsageError: nothing of that name is measured, or the edges are not rising numbers.
    """
    found = list(slices)
    known = {cut.key for cut in parse_slices(slices, kinds)}
    wanted: dict[str, list[Threshold]] = {}
    for threshold in parse(thresholds):
        if threshold.feature and threshold.feature not in known:
            wanted.setdefault(threshold.feature, []).append(threshold)
    for feature, group in wanted.items():
        try:
            found.append(_cut_for(feature, [t.value for t in group if t.value], kinds))
            parse_slices(found[-1:], kinds)
        except UsageError as error:
            reason = str(error).removeprefix("evaluate.slices: ")
            raise UsageError(f"evaluate.thresholds.{group[0].key}: {reason}") from None
    return tuple(found)


def _cut_for(feature: str, values: Sequence[str], kinds: Mapping[str, Kind]) -> str:
    """As in `evaluate.slices`: the feature alone, unless the values are buckets that its own edges do not give."""
    edges = sorted({float(end) for end in _ends(values)})
    if not edges:
        return feature
    listed = f"{feature}:{','.join(f'{edge:g}' for edge in edges)}"
    try:
        (own,) = parse_slices([feature], kinds)
    except UsageError:
        return listed  # it has no edges of its own, or is not measured at all
    fits = not own.edges or set(values) <= set(bucket_names(own.edges))
    return feature if fits else listed


def _ends(values: Iterable[str]) -> list[str]:
    """The numbers in "10..100" and "..10"; none in what is not a bucket, such as a class."""
    ends = []
    for value in values:
        low, dots, high = value.partition("..")
        if dots:
            ends += [end for end in (low, high) if _is_number(end)]
    return ends


def _is_number(text: str) -> bool:
    try:
        return math.isfinite(float(text))
    except ValueError:
        return False
