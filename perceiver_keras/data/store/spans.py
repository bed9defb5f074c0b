"""Data that grows: a path with a placeholder for the span, as TFX's ExampleGen has it, and the newest span on disk.

`{SPAN}` stands for a number, `{SPAN:4}` for one of four digits. `{YYYY}`, `{MM}` and `{DD}`, all three, stand for a
day, whose span is the number of days since 1970-01-01.
"""

from __future__ import annotations

import datetime
import os
import re
from collections.abc import Iterator

import tensorflow as tf

from perceiver_keras.errors import UsageError

_PLACEHOLDER = re.compile(r"\{(SPAN(?::([1-9]\d?))?|YYYY|MM|DD)\}")
_DAY = ("YYYY", "MM", "DD")
_EPOCH = datetime.date(1970, 1, 1)


def has_span(path: str | None) -> bool:
    """Whether a path has a placeholder."""
    return path is not None and _PLACEHOLDER.search(path) is not None


def newest(pattern: str, span: int | None = None) -> tuple[str, int]:
    """(the path of a span, its number): the given span, or the newest that is there.

    Raises:
      UsageError: the pattern is none, nothing fits it, or two paths are the same span.
    """
    _check(pattern)
    found: dict[int, list[str]] = {}
    for path, values in _paths(os.path.expanduser(pattern)):
        number = _number(values)
        if number is not None:
            found.setdefault(number, []).append(path)
    chosen = max(found, default=None) if span is None else span
    if chosen is None or chosen not in found:
        known = ", ".join(str(number) for number in sorted(found)[-5:])
        told = f"spans there: {known}" if known else "no path fits it"
        wanted = f"span {span} of " if span is not None else ""
        raise UsageError(f"{wanted}{pattern} is not there ({told}).")
    if len(found[chosen]) > 1:
        both = " and ".join(sorted(found[chosen])[:2])
        raise UsageError(f"{both} are both span {chosen} of {pattern}; remove one of them.")
    return found[chosen][0], chosen


def _check(pattern: str) -> None:
    names = [match[1].split(":")[0] for match in _PLACEHOLDER.finditer(pattern)]
    if sorted(names) not in (["SPAN"], sorted(_DAY)):
        raise UsageError(
            f"{pattern} must have one {{SPAN}}, or {{YYYY}}, {{MM}} and {{DD}}, once each."
        )


def _paths(pattern: str, values: dict[str, str] | None = None) -> Iterator[tuple[str, dict]]:
    """(path, {placeholder: its digits}) of what is there."""
    values = values or {}
    match = _PLACEHOLDER.search(pattern)
    if match is None:
        if tf.io.gfile.exists(pattern):
            yield pattern, values
        return
    start = pattern.rfind("/", 0, match.start()) + 1
    end = pattern.find("/", match.end())
    end = len(pattern) if end < 0 else end
    above, segment = pattern[:start], pattern[start:end]
    if not tf.io.gfile.isdir(above or "."):
        return
    form = re.compile(_form(segment))
    for name in sorted(entry.rstrip("/") for entry in tf.io.gfile.listdir(above or ".")):
        if here := form.fullmatch(name):
            yield from _paths(above + name + pattern[end:], values | here.groupdict())


def _form(segment: str) -> str:
    """A regular expression for one name of a path."""
    found, place = "", 0
    for match in _PLACEHOLDER.finditer(segment):
        name, width = match[1].split(":")[0], match[2]
        digits = {"YYYY": r"\d{4}", "MM": r"\d{2}", "DD": r"\d{2}"}.get(name) or (
            rf"\d{{{width}}}" if width else r"\d+"
        )
        found += f"{re.escape(segment[place : match.start()])}(?P<{name}>{digits})"
        place = match.end()
    return found + re.escape(segment[place:])


def _number(values: dict[str, str]) -> int | None:
    """The span of a path; None for a day that is not in the calendar."""
    if "SPAN" in values:
        return int(values["SPAN"])
    try:
        return (datetime.date(*(int(values[name]) for name in _DAY)) - _EPOCH).days
    except ValueError:
        return None
