"""Files with classes: one folder per class, or a table of paths and labels; for pictures, sounds and videos alike."""

from __future__ import annotations

import json
import os
import re
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path, PurePosixPath
from typing import Any

from perceiver_keras.data.own import given_splits, tables
from perceiver_keras.data.own.files import Listing, left_over, listing
from perceiver_keras.data.own.found import Draft, Label, Place, shown
from perceiver_keras.data.own.named_files import NamedFiles
from perceiver_keras.data.own.splits import splits_named, splits_of_files
from perceiver_keras.errors import UsageError

PATHS = ("path", "file", "filename", "file_name", "filepath", "file_path", "image", "img", "audio", "sound",
         "video", "clip", "image_path", "audio_path", "video_path", "name", "id", "fname")  # fmt: skip
LABELS = ("label", "labels", "class", "class_name", "category", "target", "tags", "tag", "y", "species", "genre",
          "label_name")  # fmt: skip
_GONE = "rows whose file does not exist"
_KINETICS = ("youtube_id", "time_start", "time_end")
# Folders next to those of classes that are no class: of IMDb, Speech Commands and the like.
_NO_CLASS = {"_background_noise_", "unlabeled", "unlabelled", "unsup", "unsupervised"}
_FOLD = re.compile(r"folds?[ _-]?\d+", re.IGNORECASE)


@dataclass(frozen=True, kw_only=True)
class Labelled:
    """Files with their labels.

    Attributes:
      drafts: `source` is the file's path, `label` a class or, for `several`, a tuple of classes.
      layout: For people.
      passed: Reason -> how many files were passed over.
    """

    drafts: tuple[Draft, ...]
    layout: str
    passed: Counter[str]


def look(
    place: Place,
    kind: str,
    suffixes: Sequence[str],
    several: bool = False,
    unlabelled: bool = False,
) -> Labelled:
    """The files at a place and their labels.

    Args:
      place: Where.
      kind: The word for such files, in the plural.
      suffixes: Of such files, in lower case with their dot.
      several: Whether a file may have several labels, in a table separated by `;` if any cell has one, else `|` or `,`.
      unlabelled: Whether files without a class are taken, with the label None.

    Raises:
      UsageError: no such files are there, or none has a label; the message says which layouts there are.
      PerceiverError: a table is damaged.
    """
    if place.root.is_file():
        if tables.is_table(place.root):
            files = NamedFiles(place.root.parent, suffixes)
            return _from_tables(place, [(place.root, None)], kind, files, several, Counter())
        if not (unlabelled and _has(place.root, suffixes)):
            raise UsageError(
                f"{place.given} is a single file; name a folder of {kind}, an archive of one, or a table of paths "
                f"and labels ({', '.join(tables.SUFFIXES)})."
            )
        found = Listing(place.root.parent, [PurePosixPath(place.root.name)])
    else:
        found = listing(place.root)
    named = NamedFiles(found.root, suffixes)
    chosen, refused = _tables_of(found, named, several) if place.root.is_dir() else ([], None)
    if chosen:
        return _from_tables(place, chosen, kind, named, several, found.passed)
    files = found.keep(lambda path: _has(path, suffixes), f"not {kind}")
    if not files:
        raise UsageError(f"{place.given} holds no {kind} ({', '.join(suffixes)}).{_hint(found)}")
    try:
        return _from_folders(place, found, files, named, kind, several, unlabelled)
    except UsageError as error:
        raise refused or error from None


def _has(path: Path | PurePosixPath, suffixes: Sequence[str]) -> bool:
    return path.suffix.lower() in suffixes


def _hint(found: Listing) -> str:
    kinds = Counter(path.suffix.lower() or "no suffix" for path in found.files).most_common(3)
    return (
        f" It holds {', '.join(f'{n:,} {kind}' for kind, n in kinds)}."
        if kinds
        else " It is empty."
    )


# === Folders ===


def _from_folders(
    place: Place,
    found: Listing,
    files: list[PurePosixPath],
    named: NamedFiles,
    kind: str,
    several: bool,
    unlabelled: bool,
) -> Labelled:
    above = _common_folders(files)
    inside = {path: path.parts[above:] for path in files}
    split_folders = splits_named({p[0] for p in inside.values() if len(p) > 1}, classes=True)
    # A class may be named like a split, but no data has classes only for training.
    by_split = "train" in split_folders.values()
    doubled = {folder for folder in split_folders if _is_doubled(folder, inside.values())}
    listed = None if by_split else given_splits.of_lists(found, named.only)
    drafts, loose = [], 0
    for path in files:
        parts, split = inside[path], None
        if by_split and len(parts) > 1 and (split := split_folders.get(parts[0])):
            parts = parts[2:] if parts[0] in doubled else parts[1:]
        label: Any = (_class_of(parts[0]) or None) if len(parts) > 1 else None
        if (by_split and split is None) or (label is None and not unlabelled):
            loose += 1
            continue
        if label in _NO_CLASS:
            found.passed[f"in {label}"] += 1
            continue
        if listed is not None and (split := listed.get(found.root / path)) is None:
            found.passed["in no list of a split"] += 1
            continue
        label = (label,) if several and label is not None else label
        drafts.append(Draft(name=shown(path), source=found.root / path, label=label, split=split))
    if loose:
        found.passed[f"in no folder of {'a split' if by_split else 'a class'}"] += loose
    classes = {draft.label for draft in drafts}
    if not drafts or (len(classes) < 2 and not unlabelled):
        raise UsageError(
            f"{place.given} has {len(files):,} {kind}, but {'no' if not drafts else 'only one'} folder of a class. "
            f"Arrange them as CLASS/FILE or train/CLASS/FILE, test/CLASS/FILE, or add a table (labels.csv) with the "
            "columns path and label."
        )
    folds = {name for label in classes for name in (label if several and label else (label,))}
    if all(name and _FOLD.fullmatch(name) for name in folds):
        raise UsageError(
            f"{place.given}: its folders {', '.join(sorted(folds)[:3])} are folds, not classes; name the folder above, "
            "which holds the table of labels as well."
        )
    if unlabelled and len(classes) > 1 and None in classes:
        names = ", ".join(sorted(d.name for d in drafts if d.label is None)[:3])
        raise UsageError(
            f"{place.given} has {kind} in folders of classes and {kind} without a class ({names}, …); move them."
        )
    labelled = "one folder per class" if classes != {None} else f"{kind} without classes"
    return Labelled(
        drafts=tuple(drafts),
        layout=labelled
        + (", in folders of splits" if by_split else ", with lists of splits" if listed else ""),
        passed=found.passed,
    )


def _class_of(folder: str) -> str:
    """The folder's name as TFDS keeps classes, a line of UTF-8 each; NaN is a bread, not a gap as in tables."""
    return " ".join(os.fsencode(folder).decode("utf-8", "backslashreplace").split())


def _is_doubled(folder: str, paths: Iterable[Sequence[str]]) -> bool:
    """Whether all in the folder of a split is in a second one of its name, as in seg_train/seg_train/CLASS/FILE."""
    return all(len(path) > 3 and path[1] == folder for path in paths if path[0] == folder)


def _common_folders(files: Sequence[PurePosixPath]) -> int:
    """How many folders lie above all folders of classes or splits, such as images/ next to meta/."""
    folders = [path.parts[:-1] for path in files]
    count = 0
    while all(len(parts) > count + 1 for parts in folders) and (
        len({parts[count] for parts in folders}) == 1
    ):
        count += 1
    return count


# === Tables ===


def _tables_of(
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
    if not all(name in table.columns for name in _KINETICS):
        return table
    rows = tuple({**row, "path": _kinetics_name(row)} for row in table.rows)
    return replace(table, columns=(*table.columns, "path"), rows=rows)


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


def _from_tables(
    place: Place,
    chosen: Sequence[tuple[Path, str | None]],
    kind: str,
    files: NamedFiles,
    several: bool,
    passed: Counter[str],
) -> Labelled:
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
    drafts: dict[Path, Draft] = {}
    for (table, split), (paths, labels) in zip(read, columns, strict=True):
        splits, told = given_splits.of_rows(table)
        layout += f"; {told}" if told else ""
        names = [name_of(cell) for cell in table.column(labels)]
        given = [own or split for own in splits]
        for draft in _rows(table, paths, names, given, place, files, passed):
            earlier = drafts.setdefault(draft.source, draft)
            if (earlier.label, earlier.split) != (draft.label, draft.split):
                raise UsageError(
                    f"{place.given}: {draft.source} has 2 rows that differ; give each file one row"
                    + (", with its labels separated by ;" if several else "") + "."
                )  # fmt: skip
            passed["rows that say the same again"] += earlier is not draft
    if not drafts:
        why = ", ".join(f"{count:,} {what}" for what, count in (+passed).items())
        tip = " Name files with folder and suffix." if passed["rows that fit several files"] else ""
        raise UsageError(
            f"{place.given}: no row names just one file that exists and has a label ({why}).{tip}"
        )
    unnamed = sum(files.root / path not in drafts for path in files.files)
    passed[f"{kind} in no row"] += max(0, unnamed - passed["rows without a label"])
    return Labelled(drafts=tuple(drafts.values()), layout=layout, passed=+passed)


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
    place: Place,
    files: NamedFiles,
    passed: Counter[str],
) -> Iterator[Draft]:
    root = place.root if place.root.is_dir() else place.root.parent
    for cell, label, split in zip(table.column(path_column), labels, splits, strict=True):
        paths = files.find(table.path, _text(cell), split)
        if len(paths) != 1 or left_over(paths[0].name):
            passed["rows that fit several files" if len(paths) > 1 else _GONE] += 1
            continue
        if not label:
            passed["rows without a label"] += 1
            continue
        path = paths[0]
        name = path.relative_to(root) if path.is_relative_to(root) else path
        yield Draft(name=shown(name), source=path, label=label, split=split)


def _text(cell: tables.Cell) -> str:
    return "" if cell is None else str(cell)


def _mark(cells: Iterable[tables.Cell]) -> str:
    """What separates several labels in all of these cells: a rarer mark wins, as names of classes may hold commas."""
    texts = [tables.class_name(cell) or "" for cell in cells]
    return next((mark for mark in ";|" if any(mark in text for text in texts)), ",")


def _names(cell: tables.Cell, mark: str | None) -> tuple[str, ...]:
    """The classes that a cell names: at most one, unless there is a `mark` between them."""
    if mark and isinstance(cell, list):
        parts: Sequence[Any] = cell
    else:
        parts = (tables.class_name(cell) or "").split(mark) if mark else [cell]
    return tuple(dict.fromkeys(name for part in parts if (name := tables.class_name(part))))
