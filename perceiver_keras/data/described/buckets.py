"""Slices of a split: by a name that is measured of its examples, or by a number that is cut into buckets."""

from __future__ import annotations

import math
from bisect import bisect_right
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from perceiver_keras.data.described.kinds import Kind
from perceiver_keras.data.described.measures import keys_of, measure_of
from perceiver_keras.errors import UsageError, nearest

MOST_CLASSES = 100  # that are slices by default: of more, each has too few examples to tell


def by_class(label: str, num_classes: int) -> tuple[str, ...]:
    """A task's default slices by class: the label's name, unless there are too many classes."""
    return (label,) if num_classes <= MOST_CLASSES else ()


@dataclass(frozen=True)
class Slice:
    """A way to cut a split into parts.

    Attributes:
      key: What is measured, "FEATURE/MEASURE" or "FEATURE", as `described.example.describe` names it.
      edges: Where numbers are cut, rising; empty: each value, a name, is a part.
    """

    key: str
    edges: tuple[float, ...] = ()

    def values(self, described: Mapping[str, Any]) -> list[str]:
        """The parts that an example belongs to, from what was measured of it: none if the measure is missing."""
        found = described.get(self.key)
        if found is None:
            return []
        listed = list(found) if isinstance(found, list | tuple) else [found]
        if self.edges:
            listed = [value for value in listed if not math.isnan(value)]
            return [bucket_of(float(value), self.edges) for value in listed]
        # A class that an example has twice counts once.
        return list(dict.fromkeys(_text(value) for value in listed))

    def names(self, described: Mapping[str, Any]) -> list[str]:
        """The same, as the parts are called in thresholds and reports: "label=7", "text/words=10..100"."""
        return [f"{self.key}={value}" for value in self.values(described)]


def _text(value: Any) -> str:
    if isinstance(value, bytes):
        return value.decode("utf-8", "replace")
    return _number(value) if isinstance(value, float) else str(value)


def _number(value: float) -> str:
    """Short, and different for different numbers."""
    return str(int(value)) if value.is_integer() and abs(value) < 1e15 else repr(float(value))


def bucket_of(value: float, edges: tuple[float, ...]) -> str:
    """ "..10" below the first edge, "10..100" from the first to below the second, "100.." from the last one on."""
    names = bucket_names(edges)
    return names[bisect_right(edges, value)]


def bucket_names(edges: tuple[float, ...]) -> list[str]:
    """All buckets of these edges, from the lowest."""
    marks = ["", *map(_number, map(float, edges)), ""]
    return [f"{low}..{high}" for low, high in zip(marks, marks[1:], strict=False)]


def parse_slices(slices: Iterable[str], kinds: Mapping[str, Kind]) -> list[Slice]:
    """Slices as the user writes them: "label", "text/words", "text/words:10,100".

    Args:
      slices: One way to cut each; each thing that is measured at most once.
      kinds: By name, what the task's stored features are.

    Raises:
      UsageError: nothing of that name is measured; edges that are no rising numbers, or are missing where the measure
        has none of its own; edges for names; the same measure twice.
    """
    found = [_parse(text, kinds) for text in slices]
    keys = [part.key for part in found]
    for key in keys:
        if keys.count(key) > 1:
            raise UsageError(f"evaluate.slices: {key} is named twice; give its edges in one place.")
    return found


def _parse(text: str, kinds: Mapping[str, Kind]) -> Slice:
    key, colon, listed = text.strip().partition(":")
    measure = measure_of(key, kinds)
    if measure is None:
        options = keys_of(kinds)
        raise UsageError(
            f"evaluate.slices: {text!r} names nothing that is measured of this task's examples."
            f"{nearest(key, options)}"
        )
    if measure.is_name:
        if colon:
            raise UsageError(
                f"evaluate.slices: {text!r} has edges, but {key} is a name and each name is a slice; write {key!r}."
            )
        return Slice(key)
    edges = _edges(text, listed) if colon else measure.edges
    if not edges:
        raise UsageError(
            f"evaluate.slices: {text!r} needs edges, as in {key + ':1,10'!r} ({measure.meaning}; {measure.unit})."
        )
    return Slice(key, tuple(edges))


def _edges(text: str, listed: str) -> tuple[float, ...]:
    try:
        edges = tuple(float(edge) for edge in listed.split(","))
    except ValueError:
        edges = ()
    rising = all(low < high for low, high in zip(edges, edges[1:], strict=False))
    if not edges or not rising or not all(map(math.isfinite, edges)):
        raise UsageError(
            f"evaluate.slices: {text!r} should have rising numbers after the colon, as in ':10,100'."
        )
    return edges
