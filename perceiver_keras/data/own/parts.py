"""Parts of recordings: the columns of a table that say where in its file a row's label is heard."""

from __future__ import annotations

import re
from collections.abc import Iterable

from perceiver_keras.data.own import tables
from perceiver_keras.data.own.found import Draft, Part, Place
from perceiver_keras.errors import PerceiverError, UsageError

# Of a name's letters and digits: "Begin Time (s)", t_start, onset, end_ms.
_TIME = re.compile(
    r"(?:time|t|segment|clip|event|label)?"
    r"(?:(?P<start>start|begin|onset)|(?P<end>end|stop|offset)|(?P<length>duration))"
    r"(?:time|stamp|timestamp)?(?:(?:s|secs?|seconds?)|(?P<ms>ms|msecs?|milliseconds?))?"
)
_CLOCK = re.compile(r"\s*\d+(:[0-5]?\d){1,2}(\.\d+)?\s*", re.ASCII)


def of_rows(table: tables.Table) -> tuple[list[Part | None], str]:
    """(start, end) in seconds of the part of its file that each row is about, and what to tell people about it.

    Args:
      table: With a column of starts and one of ends or durations, or without.

    Raises:
      UsageError: it has starts alone.
      PerceiverError: a row has no times that fit; the message has its line.
    """
    columns: dict[str, str] = {}
    units: dict[str, float] = {}
    for name in table.columns:
        named = _TIME.fullmatch(re.sub(r"[\W_]+", "", name.lower()))
        if named and any(_seconds(cell) is not None for cell in table.column(name)):
            role = next(role for role in ("start", "end", "length") if named[role])
            columns.setdefault(role, name)
            units[name] = 1e-3 if named["ms"] else 1.0
    if (
        "start" not in columns
        and "length" in columns
        and "offset" in columns.get("end", "").lower()
    ):
        columns["start"] = columns.pop("end")  # what is no onset's end
    if "start" not in columns or len(columns) == 1:
        if "start" in columns:
            raise UsageError(
                f"{table.path}: the column {columns['start']!r} says where in its file a row begins, but no column "
                "says where it ends; add one named end, or leave that one out if rows are about whole files."
            )
        return [None] * len(table.rows), ""
    first, second = columns["start"], columns.get("end") or columns["length"]
    parts: list[Part | None] = []
    for line, row in zip(table.lines, table.rows, strict=True):
        cells = row[first], row[second]
        if all(tables.class_name(cell) is None for cell in cells):
            parts.append(None)
            continue
        start, end = _seconds(cells[0], units[first]), _seconds(cells[1], units[second])
        if start is not None and end is not None and "end" not in columns:
            end += start
        if start is None or end is None or not 0 <= start < end:
            raise PerceiverError(
                f"{table.path}, line {line}: {first!r} and {second!r} are {cells[0]!r} and {cells[1]!r}; expected "
                "times in the row's file that follow each other, or nothing in both."
            )
        parts.append((start, end))
    return parts, f"parts of files by the columns {first!r} and {second!r}"


def _seconds(cell: tables.Cell, unit: float = 1.0) -> float | None:
    """A number of units, or a clock's 1:02:03.5, in seconds."""
    if isinstance(cell, str) and _CLOCK.fullmatch(cell):
        seconds = 0.0
        for count in cell.split(":"):
            seconds = 60 * seconds + float(count)
        return seconds
    value = tables.number(cell)
    return None if value is None else value * unit


def must_be_whole(drafts: Iterable[Draft], place: Place) -> None:
    """Raises `UsageError` if a draft is a part of its file, which can't be read as a video."""
    if part := next((draft for draft in drafts if draft.part), None):
        start, end = part.part
        raise UsageError(
            f"{place.given}: a row is about {start:g} to {end:g} s of {part.source.name}, but videos are not cut here. "
            f"Cut them first (ffmpeg -i {part.source.name} -ss {start:g} -to {end:g} part.mp4), and name the parts; or "
            "leave the columns of times out if the files are cut already."
        )
