"""Moments of games: JSON records of units, the one that is aimed at, and whether the acting side won."""

from __future__ import annotations

import math
import statistics
from collections.abc import Iterator
from pathlib import Path, PurePosixPath
from typing import Any

import numpy as np
import tensorflow_datasets as tfds

from perceiver_keras.data.own import tables
from perceiver_keras.data.own.files import Listing, listing
from perceiver_keras.data.own.found import Draft, Found, Item, Place, shown, to_items
from perceiver_keras.data.own.splits import splits_of_files
from perceiver_keras.errors import PerceiverError, UsageError

COLUMNS = ("entities", "target", "won")
MOST = 512  # entities, as the paper has it (section 4.4)


def look(place: Place) -> Found:
    """JSON Lines (or JSON, or Parquet) with `entities` (rows of numbers), `target` (a row) and `won` (0 or 1).

    Files or folders named by splits are kept to.

    Raises:
      UsageError: there are no such records.
      PerceiverError: a file is damaged.
    """
    listed = (
        Listing(place.root.parent, [PurePosixPath(place.root.name)])
        if place.root.is_file()
        else listing(place.root)
    )
    paths = listed.keep(
        lambda path: tables.is_table(Path(path)) and path.suffix.lower() not in (".csv", ".tsv"),
        "not JSON records",
    )
    drafts: list[Draft] = []
    splits = splits_of_files(paths)
    for path in paths:
        split = splits[path]
        table = tables.read(listed.root / path)
        if missing := [name for name in COLUMNS if name not in table.columns]:
            raise UsageError(
                f"{listed.root / path}: the records lack {', '.join(missing)}; expected "
                '{"entities": [[...], ...], "target": 3, "won": 1}.'
            )
        for line, row in zip(table.lines, table.rows, strict=True):
            content = repr([row[name] for name in COLUMNS]).encode()
            drafts.append(
                Draft(name=f"{shown(path)}:{line}", source=row, content=content, split=split)
            )
    if not drafts:
        raise UsageError(f"{place.given} holds no JSON records (.jsonl, .json, .parquet).")
    items = to_items(drafts, place, "records")
    rows, numbers = _sizes(items)
    return Found(
        kind="battles",
        place=place,
        layout="records of units",
        items=items,
        labels=None,
        features={
            "entities": tfds.features.Tensor(shape=(rows, numbers), dtype=np.float32),
            "mask": tfds.features.Tensor(shape=(rows,), dtype=np.int64),
            "label": tfds.features.Tensor(shape=(2,), dtype=np.int64),
            "file": tfds.features.Text(),
        },
        read=_reader(rows, numbers),
        passed=listed.passed,
        measured={"rows": rows, "numbers": numbers, **_trivial(items)},
        facts=[("units", f"at most {rows:,} per record, {numbers:,} numbers each")],
    )


def _sizes(items: tuple[Item, ...]) -> tuple[int, int]:
    shapes = [np.shape(rows) for item in items if (rows := _rows(item)) is not None]
    if not shapes:
        raise PerceiverError(
            f"No record has entities as rows of equally many numbers, such as {items[0].name}."
        )
    # The commonest, so that one record of another game does not make all others corrupt.
    numbers = statistics.mode(shape[1] for shape in shapes)
    fitting = [shape[0] for shape in shapes if shape[1] == numbers and shape[0] <= MOST]
    return max(fitting, default=MOST), numbers


def _rows(item: Item) -> np.ndarray | None:
    try:
        rows = np.asarray(item.source["entities"], np.float32)
    except (TypeError, ValueError, OverflowError):  # no numbers, or an integer beyond all floats
        return None
    return rows if rows.ndim == 2 and rows.size else None


def _reader(most: int, numbers: int) -> Any:
    def read(item: Item) -> Iterator[dict[str, Any]]:
        rows = _rows(item)
        if rows is None or not np.isfinite(rows).all():
            raise PerceiverError("entities are not rows of equally many finite numbers")
        if len(rows) > most or rows.shape[1] != numbers:
            raise PerceiverError(
                f"entities {list(rows.shape)}; expected at most {most} rows of {numbers} numbers"
            )
        target, won = (tables.number(item.source[name]) for name in ("target", "won"))
        won = float(item.source["won"]) if isinstance(item.source["won"], bool) else won
        if target is None or target != int(target) or not 0 <= target < len(rows):
            raise PerceiverError(f"target {item.source['target']!r} is not one of {len(rows)} rows")
        if won not in (0, 1):
            raise PerceiverError(f"won is {item.source['won']!r}; expected 0 or 1")
        padded = np.zeros((most, numbers), np.float32)
        padded[: len(rows)] = rows
        yield {
            "entities": padded,
            "mask": (np.arange(most) < len(rows)).astype(np.int64),
            "label": [int(target), int(won)],
            "file": item.name,
        }

    return read


def _trivial(items: tuple[Item, ...]) -> dict[str, float]:
    """What guesses reach on the test split: any unit as the target, the commoner outcome."""
    test = [item for item in items if item.split == "test" and _rows(item) is not None]
    targets = [1 / len(item.source["entities"]) for item in test]
    wins = [bool(tables.number(item.source["won"]) or item.source["won"] is True) for item in test]
    share = sum(wins) / max(len(wins), 1)
    return {
        "target_accuracy": math.fsum(targets) / max(len(targets), 1),
        "winner_accuracy": max(share, 1 - share),
    }
