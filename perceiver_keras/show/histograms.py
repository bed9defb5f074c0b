"""Statistics of data as small bars: one row per measure, one picture per split on the same scale."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

from perceiver_keras.show.formats import NONE, percent, short

WIDTH, HEIGHT = 120, 32  # of a small picture
MOST_BARS = 24  # of classes
MOST_CLASSES = 50  # rows in a table of counts

Measure = Mapping[str, Any]


def rows(
    measures: Sequence[Measure], splits: Sequence[str]
) -> tuple[list[dict[str, str]], list[dict[str, Any]]]:
    """(measures with the same value everywhere, {"name", "value"}; all others, with a cell per split).

    Args:
      measures: {"name": "image/height", "unit", "meaning", "splits": {split: statistics}}. Statistics of numbers are
        {"count", "missing", "mean", "std", "min", "median", "max", "histogram": [[low, high, count], …]}, of names
        {"count", "missing", "unique", "top": [[name, count], …], "values": of all examples together}.
      splits: In their order.
    """
    constant, varied = [], []
    for measure in measures:
        value = only_value(measure)
        unit = measure.get("unit") or ""
        # Not "image/channels 3 channels".
        unit = f" {unit}" if unit and not measure["name"].endswith(unit) else ""
        if value is not None:
            constant.append({"name": measure["name"], "value": f"{value}{unit}"})
            continue
        scale = _scale(measure)
        cells = [_cell(measure["splits"].get(split), scale) for split in splits]
        varied.append(
            {
                "name": measure["name"],
                "unit": measure.get("unit") or "",
                "meaning": measure.get("meaning") or "",
                "cells": cells,
            }
        )
    return constant, varied


def only_value(measure: Measure) -> str | None:
    """The value that all examples of all splits have; None if they differ, or some have none."""
    found = set()
    for one in measure["splits"].values():
        if one.get("missing") or not one["count"]:
            return None
        if "top" in one:
            if one["unique"] != 1 or not one["top"]:
                return None
            found.add(str(one["top"][0][0]))
        else:
            if one["min"] is None or one["min"] != one["max"]:
                return None
            found.add(short(one["min"]))
    return found.pop() if len(found) == 1 else None


def class_tables(measures: Sequence[Measure], splits: Sequence[str]) -> list[dict[str, Any]]:
    """A table of counts per measure of names with few values: the commonest of the first split come first."""
    tables = []
    for measure in measures:
        names = _names(measure)
        if only_value(measure) is not None or not 0 < len(names) <= MOST_CLASSES:
            continue
        counts = {split: dict(map(tuple, one["top"])) for split, one in measure["splits"].items()}
        totals = {split: sum(found.values()) or 1 for split, found in counts.items()}
        body = [
            {
                "name": name,
                "cells": [
                    f"{counts[split].get(name, 0):,.0f} "
                    f"({percent(counts[split].get(name, 0) / totals[split])})"
                    if split in counts
                    else NONE
                    for split in splits
                ],
            }
            for name in names
        ]
        tables.append({"name": measure["name"], "rows": body})
    return tables


def _names(measure: Measure) -> list[str]:
    """The values of a measure of names, in the order of the splits and of their frequency."""
    ordered = sorted(measure["splits"].items(), key=lambda item: item[0] != "train")
    return list(dict.fromkeys(name for _, one in ordered for name, _ in one.get("top") or ()))


def _scale(measure: Measure) -> Any:
    """What the pictures of all splits have in common: the names and their order, or the ends of the axis."""
    names = _names(measure)
    if names:
        return names[:MOST_BARS]
    ends = [
        value
        for one in measure["splits"].values()
        if one["count"]
        for value in (one.get("min"), one.get("max"))
        if value is not None and math.isfinite(value)
    ]
    return (min(ends, default=0.0), max(ends, default=0.0))


def _cell(one: Mapping[str, Any] | None, scale: Any) -> dict[str, Any]:
    if not one or not one["count"]:
        return {"bars": [], "words": ["nothing stored"], "missing": ""}
    missing = f"{one['missing']:,} without" if one.get("missing") else ""
    if "top" in one:
        words = [f"{one['unique']:,} values" if one["unique"] != 1 else str(one["top"][0][0])]
        if one["top"] and one["unique"] != 1:
            name, count = one["top"][0]
            name = name if len(name) <= 16 else f"{name[:15]}…"
            words.append(f"most: {name} {percent(count / (one.get('values') or one['count']))}")
        return {"bars": _of_names(one["top"], scale), "words": words, "missing": missing}
    words = [f"mean {short(one['mean'])}", f"{short(one['min'])} to {short(one['max'])}"]
    if one["min"] is not None and one["min"] == one["max"]:
        words = [f"always {short(one['min'])}"]
    return {
        "bars": _of_numbers(one.get("histogram") or [], scale),
        "words": words,
        "missing": missing,
    }


def _of_names(top: Sequence[Sequence[Any]], names: Sequence[str]) -> list[dict[str, float]]:
    """One bar per name, at the same place in each split."""
    counts = dict(map(tuple, top))
    most = max(counts.values(), default=0) or 1
    width = WIDTH / max(len(names), 1)
    return [
        _bar(place * width, 0.85 * width, counts.get(name, 0) / most)
        for place, name in enumerate(names)
        if counts.get(name)
    ]


def _of_numbers(
    buckets: Sequence[Sequence[float]], ends: tuple[float, float]
) -> list[dict[str, float]]:
    """A bar per bucket, whose area is its share."""
    low, high = ends
    span = high - low
    if span <= 0 or not math.isfinite(span):
        return [_bar(WIDTH / 2 - 2, 4, 1.0)]
    placed = []
    for start, end, count in buckets:
        if count <= 0 or not (math.isfinite(start) and math.isfinite(end)):
            continue
        left = WIDTH * max(start - low, 0) / span
        width = max(WIDTH * (min(end, high) - max(start, low)) / span, 1.5)
        placed.append((min(left, WIDTH - width), width, count / width))
    most = max((density for *_, density in placed), default=1.0)
    return [_bar(left, max(width - 0.5, 1), density / most) for left, width, density in placed]


def _bar(left: float, width: float, share: float) -> dict[str, float]:
    height = max(round(share * (HEIGHT - 1), 1), 1)
    return {
        "x": round(left, 1),
        "y": round(HEIGHT - height, 1),
        "width": round(width, 1),
        "height": height,
    }
