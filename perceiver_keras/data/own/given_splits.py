"""Splits that the data gives in a column of a table, or in lists of files."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from pathlib import Path

from perceiver_keras.data.own import tables
from perceiver_keras.data.own.files import Listing
from perceiver_keras.data.own.splits import SPLITS, split_named
from perceiver_keras.data.text.encodings import decode_text
from perceiver_keras.errors import PerceiverError, UsageError

COLUMNS = ("split", "partition", "subset", "set", "fold")  # the likeliest first
_NUMBERED = ("split", "partition", "fold")
_MOST_FOLDS = 20
_LIST = re.compile(r"_?list(_?0*1)?$")


def of_rows(table: tables.Table) -> tuple[list[str | None], str]:
    """The split of each row as a column says, and what to tell people about it ("" if there is nothing to tell).

    Of several columns with usual names, one with names of splits goes before one of numbered folds, then the likelier
    name before the other. Folds, of which there are three or more, are kept apart: the last one tests, the one before
    validates.

    Raises:
      UsageError: some cells name splits, and others do not.
    """
    usual = [name for name in table.columns if name.lower() in COLUMNS]
    usual.sort(key=lambda name: COLUMNS.index(name.lower()))
    cells_of = {name: [tables.class_name(cell) for cell in table.column(name)] for name in usual}
    for column, cells in cells_of.items():
        if any(split_named(cell) for cell in set(cells) - {None}):
            return _named_splits(table, column, cells), ""
    for column, cells in cells_of.items():
        values = set(cells) - {None}
        numbers = {value: tables.number(value) for value in values}
        if (
            column.lower() in _NUMBERED
            and 3 <= len(values) <= _MOST_FOLDS
            and None not in numbers.values()
        ):
            *_, validation, test = sorted(values, key=lambda value: numbers[value])
            splits = {validation: "validation", test: "test"}
            told = f"of the column {column!r}, {test} tests and {validation} validates"
            return [splits.get(cell, "train") if cell else None for cell in cells], told
    return [None] * len(table.rows), ""


def _named_splits(
    table: tables.Table, column: str, cells: Sequence[str | None]
) -> list[str | None]:
    named = {cell: split_named(cell) for cell in cells if cell}
    if unknown := sorted(cell for cell, split in named.items() if split is None):
        raise UsageError(
            f"{table.path}: the column {column!r} has {unknown[0]!r} next to names of splits; expected "
            f"{', '.join(SPLITS)}, or nothing."
        )
    return [named.get(cell) for cell in cells]


def of_lists(found: Listing, find: Callable[[Path, str], Path | None]) -> dict[Path, str] | None:
    """The split of each file that lists name, such as `validation_list.txt` or `meta/test.txt`; None without lists.

    Files in no list train if no list is one for training, as Speech Commands has it.

    Args:
      found: The data; lists stand at its top or one folder below.
      find: (list, line) -> the file of that name.

    Raises:
      UsageError: a file is in the lists of two splits.
    """
    splits: dict[Path, str] = {}
    for path in found.files:
        split = split_named(_LIST.sub("", path.stem.lower()))
        if path.suffix.lower() != ".txt" or len(path.parts) > 2 or split is None:
            continue
        for file in _named(found.root / path, find):
            if splits.setdefault(file, split) != split:
                raise UsageError(f"{found.root}: {file} is listed for {splits[file]} and {split}.")
    if splits and "train" not in splits.values():
        splits |= {p: "train" for name in found.files if (p := found.root / name) not in splits}
    return splits or None


def _named(path: Path, find: Callable[[Path, str], Path | None]) -> list[Path]:
    """The files that a list names, one per line, perhaps with the number of their class behind; none if it is none."""
    try:
        lines = [line.strip() for line in decode_text(path.read_bytes()).splitlines()]
    except PerceiverError:
        return []
    lines = [line for line in lines if line]
    files = [find(path, line) or find(path, line.rpartition(" ")[0]) for line in lines]
    named = [file for file in files if file is not None]
    return named if len(named) > len(lines) / 2 else []
