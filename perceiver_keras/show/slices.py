"""The page's tables of slices: how good the model is on each part of the test split."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

from perceiver_keras.show.formats import NONE, ends, interval, number, real, signed
from perceiver_keras.show.gate import bound_words, reached, worse

FIRST = 12  # rows of a group that are seen at once


def judged(evaluated: Mapping[str, Any], thresholds: Mapping[str, float]) -> list[str]:
    """The metrics that slices are judged by: those with a threshold; without one, the first by name."""
    names = dict.fromkeys(name.partition("@")[0] for name in thresholds)
    found = [name for name in names if name in evaluated["metrics"]]
    return found or sorted(name for name in evaluated["metrics"] if name != "example_count")[:1]


def groups(
    evaluated: Mapping[str, Any] | None,
    thresholds: Mapping[str, float],
    lower_is_better: Sequence[str] = (),
) -> list[dict[str, Any]]:
    """One table per group of slices and judged metric.

    Classes are sorted from the worst to the best, ranges by their numbers. The worst slice is marked.

    Args:
      evaluated: `Evaluated` as JSON, with `slices`; None or without slices gives no table.
      thresholds: Of the gate; `accuracy@label=7` is the limit of one slice, `accuracy@label` of each slice of a group.
      lower_is_better: The metrics of which smaller values are better.
    """
    slices = (evaluated or {}).get("slices") or []
    found: dict[str, list[Mapping[str, Any]]] = {}
    for one in slices:
        found.setdefault(one["slice"].partition("=")[0], []).append(one)
    tables = []
    for group, members in found.items():
        for metric in judged(evaluated, thresholds):
            if not any(metric in one["metrics"] for one in members):
                continue
            lower = metric in lower_is_better
            overall = real(evaluated["metrics"][metric]["value"])
            tables.append(_table(group, metric, members, overall, thresholds, lower))
    return tables


def _table(
    group: str,
    metric: str,
    members: Sequence[Mapping[str, Any]],
    overall: float,
    thresholds: Mapping[str, float],
    lower: bool,
) -> dict[str, Any]:
    def badness(one: Mapping[str, Any]) -> float:
        if metric not in one["metrics"]:  # there was nothing to count
            return -math.inf
        value = real(one["metrics"][metric]["value"])
        if math.isnan(value):
            return math.inf
        return value if lower else -value

    scale = _scale([one["metrics"].get(metric) for one in members], overall)
    worst = max(members, key=badness)["slice"] if len(members) > 1 else None
    rows = [
        _row(one, metric, thresholds, lower, scale) | {"worst": one["slice"] == worst}
        for one in members
    ]
    ranges = all(".." in one["slice"] for one in members)
    keys = [_place(one["slice"]) if ranges else (-badness(one), one["slice"]) for one in members]
    ordered = [row for _, row in sorted(zip(keys, rows, strict=True), key=lambda pair: pair[0])]
    return {
        "title": f"{metric.replace('_', ' ')} by {group}",
        "group": group,
        "metric": metric.replace("_", " "),
        "overall": number(overall),
        "middle": scale(overall) if math.isfinite(overall) else None,
        "has_bound": any(row["bound"] for row in rows),
        "has_difference": any(row["difference"] for row in rows),
        "first": ordered[:FIRST],
        "rest": ordered[FIRST:],
    }


def _row(
    one: Mapping[str, Any],
    metric: str,
    thresholds: Mapping[str, float],
    lower: bool,
    scale: Any,
) -> dict[str, Any]:
    estimate = one["metrics"].get(metric)
    value = (estimate or {}).get("value")
    group = one["slice"].partition("=")[0]
    limits = [thresholds.get(f"{metric}@{name}") for name in (one["slice"], group)]
    limits = [limit for limit in limits if limit is not None]
    bound = (min(limits) if lower else max(limits)) if limits else None  # the stricter
    difference = (one.get("difference") or {}).get(metric)
    return {
        "name": one["slice"].partition("=")[2],
        "examples": f"{one['examples']:,}",
        "value": NONE if estimate is None else number(value),
        "interval": interval(estimate),
        "places": _places(estimate, scale),
        "bound": bound_words(bound, lower),
        "passed": None if estimate is None else reached(value, bound, lower),
        "difference": signed(difference["value"]) if difference else "",
        "difference_interval": interval(difference, difference=True),
        "worse": worse(difference, lower),
    }


def _place(name: str) -> tuple[float, str]:
    """`text/words=10..100` -> where the range begins."""
    low = name.partition("=")[2].partition("..")[0]
    try:
        return (float(low) if low else -math.inf, name)
    except ValueError:
        return (math.inf, name)


def _scale(estimates: Sequence[Mapping[str, Any] | None], overall: float) -> Any:
    """A function from a metric's value to its place in a picture 100 wide."""
    values = [overall, *(real((one or {}).get("value")) for one in estimates)]
    values += [end for one in estimates for end in ends(one) if end is not None]
    values = [value for value in values if math.isfinite(value)]
    low, high = min(values, default=0.0), max(values, default=1.0)
    width = (high - low) or 1.0
    return lambda value: round(4 + 92 * (value - low) / width, 1)


def _places(estimate: Mapping[str, Any] | None, scale: Any) -> dict[str, float] | None:
    value = real((estimate or {}).get("value"))
    if not math.isfinite(value):
        return None
    low, high = ends(estimate)
    if low is None:
        low = high = value
    return {"value": scale(value), "low": scale(low), "high": scale(high)}
