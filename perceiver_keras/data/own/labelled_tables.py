"""Files with classes in tables of paths and labels."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from perceiver_keras.data.own import given_splits, parts, tables
from perceiver_keras.data.own.files import Listing, left_over
from perceiver_keras.data.own.found import Draft, Label, Part, Place, shown
from perceiver_keras.data.own.named_files import NamedFiles
from perceiver_keras.data.own.splits import splits_of_files
from perceiver_keras.errors import UsageError

PATHS = ("path", "file", "filename", "file_name", "filepath", "file_path", "image", "img", "audio", "sound",
         "video", "clip", "image_path", "audio_path", "video_path", "name", "id", "fname")  # fmt: skip
LABELS = ("label", "labels", "class", "class_name", "category", "target", "tags", "tag", "y", "species", "genre",
          "label_name")  # fmt: skip
_GONE = "rows whose file does not exist"
_KINETICS = ("youtube_id", "time_start", "time_end")


def described_by(
    found: Listing, files: NamedFiles, several: bool
) -> tuple[list[tuple[Path, str | None]], UsageError | None]:
    """The tables that describe a folder, with the splits that their names mean; empty if folders describe it.

    With them comes why the last of those that name files has no labels, if there is one. Tables stand at the top, in
    the folders of splits, as Hugging Face's metadata.csv does, or in a folder that has none of the files, such as meta/
    or annotations/.
    """
    chosen: list[tuple[Path, str | None]] = []
    refused = None
    of_classes = {path.parts[0] for path in files.files if len(path.parts) > 1}
    splits = splits_of_files(
        [
            path
            for path in found.files
            if tables.is_table(path) and len(path.parts) <= 2 and tables.kind(path) != ".json"
        ]
    )
    for path, split in splits.items():
        if len(path.parts) == 2 and split is None and path.parts[0] in of_classes:
            continue
        if "submission" in path.stem.lower():  # a sample of what a competition wants
            continue
        table = _read(found.root / path)
        column = _path_column(table, files, split)
        try:
            if column and _label_column(table, column, several):
                chosen.append((found.root / path, split))
        except UsageError as error:
            refused = error
    if any(split == "train" for _, split in chosen):
        chosen = [(path, split) for path, split in chosen if split]
    return chosen, refused


def _read(path: Path) -> tables.Table:
    """The table; of Kinetics's, which name a video by its id and times, with the file's name as `path`."""
    table = tables.read(path)
    if not _of_kinetics(table):
        return table
    rows = tuple({**row, "path": _kinetics_name(row)} for row in table.rows)
    return replace(table, columns=(*table.columns, "path"), rows=rows)


def _of_kinetics(table: tables.Table) -> bool:
    """Whether its times are of the videos that its files were cut from."""
    return all(name in table.columns for name in _KINETICS)


def _kinetics_name(row: Mapping[str, tables.Cell]) -> str:
    key, start, end = (row[name] for name in _KINETICS)
    try:
        return f"{key}_{int(float(start)):06d}_{int(float(end)):06d}"
    except (TypeError, ValueError):
        return str(key)


def _path_column(table: tables.Table, files: NamedFiles, split: str | None) -> str | None:
    def fits(cells: list[tables.Cell]) -> bool:
        near = [str(cell) for cell in cells if isinstance(cell, (str, int)) and cell != ""]
        return any(files.find(table.path, cell, split) for cell in near[:1000])

    def names_each_once(cells: list[tables.Cell]) -> bool:
        """Unlike a column of small numbers, which may be names of files as well."""
        return len({json.dumps(cell, default=str) for cell in cells}) > len(cells) / 2

    found = tables.find_column(table, "", None, PATHS, fits)
    if found is None:
        both = lambda cells: names_each_once(cells) and fits(cells)  # noqa: E731
        found = tables.find_column(table, "", None, (), both)
    if found is not None and files.find(table.path, found):
        raise UsageError(
            f"{table.path}: line 1 must name the columns, such as path,label; it names the file {found!r}."
        )
    return found


def _label_column(table: tables.Table, path_column: str | None, several: bool) -> str | None:
    def fits(cells: list[tables.Cell]) -> bool:
        mark = _mark(cells) if several else None
        names = [name for cell in cells for name in _names(cell, mark)]
        return len(set(names)) > 1 and (len(set(names)) < len(names) or len(cells) < 10)

    taken = [
        name
        for name in table.columns
        if name.lower() in given_splits.COLUMNS or name == path_column
    ]
    return tables.find_labels(table, None, LABELS, fits, taken, f"call that {LABELS[0]}")


def drafts_of(
    place: Place,
    chosen: Sequence[tuple[Path, str | None]],
    kind: str,
    files: NamedFiles,
    several: bool,
    timed: bool,
    passed: Counter[str],
) -> tuple[tuple[Draft, ...], str]:
    """The files that tables name, and the layout for people.

    Args:
      place: As the other arguments, of `labelled.look`.
      chosen: The tables, each with the split that its name means.
      kind: Of files.
      files: Those that there are.
      several: Whether they may have several labels.
      timed: Whether they have a length, so that a row may be about a part of one.
      passed: Is told what is passed over.

    Raises:
      UsageError: no row names a file with a label, or rows contradict each other.
    """
    layout = f"table of paths and labels ({', '.join(path.name for path, _ in chosen[:3])})"
    read = [(_read(path), split) for path, split in chosen]
    columns = [_columns(table, split, kind, files, several) for table, split in read]
    # What a cell means does not depend on the table of its split.
    cells = [
        cell
        for (table, _), (_, labels) in zip(read, columns, strict=True)
        for cell in table.column(labels)
    ]
    name_of: Callable[[tables.Cell], Label] = tables.class_namer(cells)
    if several:
        mark = _mark(cells)
        name_of = lambda cell: _names(cell, mark)  # noqa: E731
        if any(mark in (tables.class_name(cell) or "") for cell in cells):
            layout += f"; labels separated by {mark!r}"
    drafts: dict[tuple[Path, Part | None], Draft] = {}
    for (table, split), (paths, labels) in zip(read, columns, strict=True):
        splits, told = given_splits.of_rows(table)
        layout += f"; {told}" if told else ""
        names = [name_of(cell) for cell in table.column(labels)]
        given = [own or split for own in splits]
        times, told = parts.of_rows(table) if timed and not _of_kinetics(table) else (None, "")
        layout += f"; {told}" if told else ""
        for draft in _rows(table, paths, names, given, times, place, files, passed):
            key = draft.source, draft.part
            earlier = drafts.setdefault(key, draft)
            same = earlier.label == draft.label
            if earlier.split != draft.split or not (same or (several and draft.part)):
                raise UsageError(
                    f"{place.given}: {draft.source} has 2 rows that differ; give each file one row"
                    + (
                        ", with its labels separated by ;. If they are of parts of it, say which in columns named "
                        "start and end (seconds)" if several else ""
                    ) + "."
                )  # fmt: skip
            if not same:
                drafts[key] = replace(
                    earlier, label=tuple(dict.fromkeys((*earlier.label, *draft.label)))
                )
            passed["rows that say the same again"] += earlier is not draft and same
    if not drafts:
        why = ", ".join(f"{count:,} {what}" for what, count in (+passed).items())
        tip = " Name files with folder and suffix." if passed["rows that fit several files"] else ""
        raise UsageError(
            f"{place.given}: no row names just one file that exists and has a label ({why}).{tip}"
        )
    taken = {path for path, _ in drafts}
    unnamed = sum(files.root / path not in taken for path in files.files)
    passed[f"{kind} in no row"] += max(0, unnamed - passed["rows without a label"])
    return tuple(drafts.values()), layout


def _columns(
    table: tables.Table, split: str | None, kind: str, files: NamedFiles, several: bool
) -> tuple[str, str]:
    """The columns of paths and of labels."""
    path_column = _path_column(table, files, split)
    if path_column is None:
        raise UsageError(
            f"{table.path}: no column names {kind} that exist; its columns are {', '.join(table.columns)}. "
            "Paths are relative to the table."
        )
    label_column = _label_column(table, path_column, several)
    if label_column is None:
        raise UsageError(
            f"{table.path}: no column looks like the label; name it one of {', '.join(LABELS[:4])}. "
            f"Its columns are {', '.join(table.columns)}."
        )
    return path_column, label_column


def _rows(
    table: tables.Table,
    path_column: str,
    labels: Sequence[Label],
    splits: Sequence[str | None],
    times: Sequence[Part | None] | None,
    place: Place,
    files: NamedFiles,
    passed: Counter[str],
) -> Iterator[Draft]:
    root = place.root if place.root.is_dir() else place.root.parent
    cells = table.column(path_column)
    times = times or [None] * len(cells)
    for cell, label, split, part in zip(cells, labels, splits, times, strict=True):
        paths = files.find(table.path, _text(cell), split)
        if len(paths) != 1 or left_over(paths[0].name):
            passed["rows that fit several files" if len(paths) > 1 else _GONE] += 1
            continue
        if not label:
            passed["rows without a label"] += 1
            continue
        path = paths[0]
        name = path.relative_to(root) if path.is_relative_to(root) else path
        named = shown(name) + (f" {part[0]:.15g}-{part[1]:.15g} s" if part else "")
        yield Draft(name=named, source=path, label=label, split=split, part=part)


def _text(cell: tables.Cell) -> str:
    return "" if cell is None else str(cell)


def _mark(cells: Iterable[tables.Cell]) -> str:
    """What separates several labels in all of these cells: a rarer mark wins, as names of classes may hold commas."""
    texts = [tables.class_name(cell) or "" for cell in cells]
    return next((mark for mark in ";|" if any(mark in text for text in texts)), ",")


def _names(cell: tables.Cell, mark: str | None) -> tuple[str, ...]:
    """The classes that a cell names: at most one, unless there is a `mark` between them."""
    if mark and isinstance(cell, list):
        listed: Sequence[Any] = cell
    else:
        listed = (tables.class_name(cell) or "").split(mark) if mark else [cell]
    return tuple(dict.fromkeys(name for part in listed if (name := tables.class_name(part))))
