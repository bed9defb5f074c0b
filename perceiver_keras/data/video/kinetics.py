"""Kinetics in a folder: clips as its download scripts name them, and its CSV files, which say their labels.

A CSV has the columns `label`, `youtube_id`, `time_start` (and `time_end`, `split`). A clip is `ID_START_END.mp4` with
six digits each, `ID_START.mp4` or `ID.mp4`, in any folder and any format that ffmpeg reads.
"""

from __future__ import annotations

import csv
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

from perceiver_keras.data.own.files import files_below
from perceiver_keras.data.own.splits import split_named
from perceiver_keras.data.video.clips import is_video
from perceiver_keras.errors import PerceiverError, UsageError

COLUMNS = {"label", "youtube_id"}
# Which CSV is judged on where there are several: the paper does not say, and test labels are rarely at hand.
ORDER = ("validation", "test", "train")


class Clip(NamedTuple):
    """A file with its label; `name` is the file's, without the suffix."""

    name: str
    path: Path
    label: str


class Kinetics(NamedTuple):
    """The clips of one CSV, sorted by name.

    Attributes:
      labels: Of all CSV files in the folder, sorted: the order of the released model's classes.
      listed: How many clips the CSV lists; not all of them can still be downloaded.
      file: The CSV.
    """

    clips: Sequence[Clip]
    labels: Sequence[str]
    listed: int
    file: Path


def find(folder: Path) -> Kinetics:
    """The clips below a folder that its CSV lists.

    Raises:
      UsageError: there is no CSV of Kinetics, or none of its clips.
      PerceiverError: a CSV is damaged.
    """
    files = files_below(folder)
    tables = {path: rows for path in files if (rows := _rows(path)) is not None}
    if not tables:
        raise UsageError(
            f"{folder} has no CSV of Kinetics; expected one with the columns {', '.join(sorted(COLUMNS))} and "
            "time_start, such as val.csv."
        )
    videos = {path.stem: path for path in files if is_video(path)}
    chosen = min(tables, key=lambda path: (_rank(path), path))
    found = {}
    for row in tables[chosen]:
        path = next((videos[name] for name in _names(row) if name in videos), None)
        if path is not None:
            found[path.stem] = Clip(path.stem, path, row["label"])
    if not found:
        example = _names(tables[chosen][0])[0] if tables[chosen] else "ID_START_END"
        raise UsageError(f"{folder} has no clip that {chosen.name} lists, such as {example}.mp4.")
    labels = sorted({row["label"] for rows in tables.values() for row in rows})
    return Kinetics(sorted(found.values()), labels, len(tables[chosen]), chosen)


def _rows(path: Path) -> list[Mapping[str, str]] | None:
    """The rows of a CSV of Kinetics; None for any other file."""
    if path.suffix.lower() != ".csv":
        return None
    try:
        with path.open(newline="", encoding="utf-8-sig") as file:
            reader = csv.DictReader(file)
            if not set(reader.fieldnames or ()) >= COLUMNS:
                return None
            rows = list(reader)
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise PerceiverError(f"{path} can't be read: {error}.") from None
    for number, row in enumerate(rows, 2):
        if not row["label"] or not row["youtube_id"]:
            raise PerceiverError(f"{path}, line {number}: label or youtube_id is empty.")
    return rows


def _rank(path: Path) -> int:
    """The place of a CSV's split in `ORDER`, by a word of its name, such as `kinetics_700_val.csv`."""
    words = path.stem.lower().replace("-", "_").split("_")
    for word in (path.stem.lower(), *words):
        name = "validation" if word == "validate" else split_named(word)
        if name in ORDER:
            return ORDER.index(name)
    return len(ORDER)


def _names(row: Mapping[str, str]) -> list[str]:
    """What the clip of a row may be called, without a suffix; the likeliest first."""
    name = row["youtube_id"]
    try:
        start, end = (
            f"{int(float(row[key])):06}" if row.get(key) else ""
            for key in ("time_start", "time_end")
        )
    except (ValueError, OverflowError):  # no number, or inf
        return [name]
    timed = [f"{name}_{start}_{end}"] if start and end else []
    return [*timed, *([f"{name}_{start}"] if start else []), name]
