"""Files with classes: one folder per class, or a table of paths and labels; for pictures, sounds and videos alike."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any

from perceiver_keras.data.own import tables
from perceiver_keras.data.own.files import Listing, left_over, listing
from perceiver_keras.data.own.found import Draft, Place
from perceiver_keras.data.own.splits import split_named
from perceiver_keras.errors import UsageError

PATHS = ("path", "file", "filename", "file_name", "filepath", "file_path", "image", "img", "audio", "sound",
         "video", "clip", "image_path", "audio_path", "video_path", "name", "id", "fname")  # fmt: skip
LABELS = ("label", "labels", "class", "class_name", "category", "target", "tags", "tag", "y", "species", "genre",
          "label_name")  # fmt: skip
_FOLDERS = ("images", "pictures", "audio", "sounds", "clips", "videos", "files", "data")
SPLIT_COLUMNS = ("split", "set", "subset", "partition", "fold")


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
      several: Whether a file may have several labels, separated by `;`, `|` or `,` in a table.
      unlabelled: Whether files without a class are taken, with the label None.

    Raises:
      UsageError: no such files are there, or none has a label; the message says which layouts there are.
      PerceiverError: a table is damaged.
    """
    if place.root.is_file():
        if tables.is_table(place.root):
            return _from_tables(place, [(place.root, None)], kind, suffixes, several, Counter())
        if not (unlabelled and _has(place.root, suffixes)):
            raise UsageError(
                f"{place.given} is a single file; name a folder of {kind}, an archive of one, or a table of paths "
                f"and labels ({', '.join(tables.SUFFIXES)})."
            )
        found = Listing(place.root.parent, [PurePosixPath(place.root.name)])
    else:
        found = listing(place.root)
    if chosen := _tables_of(found, suffixes):
        return _from_tables(place, chosen, kind, suffixes, several, found.passed)
    files = found.keep(lambda path: _has(path, suffixes), f"not {kind}")
    if not files:
        raise UsageError(f"{place.given} holds no {kind} ({', '.join(suffixes)}).{_hint(found)}")
    return _from_folders(place, found, files, kind, several, unlabelled)


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
    kind: str,
    several: bool,
    unlabelled: bool,
) -> Labelled:
    split_folders = {
        p.parts[0]: s for p in files if len(p.parts) > 1 and (s := split_named(p.parts[0]))
    }
    # A class may be named like a split, but no data has classes only for training.
    by_split = "train" in split_folders.values()
    drafts, loose = [], 0
    for path in files:
        split = split_folders.get(path.parts[0]) if by_split and len(path.parts) > 1 else None
        inside = path.parts[1:] if split else path.parts
        label: Any = inside[0] if len(inside) > 1 else None
        if (by_split and split is None) or (label is None and not unlabelled):
            loose += 1
            continue
        label = (label,) if several and label is not None else label
        drafts.append(Draft(name=str(path), source=found.root / path, label=label, split=split))
    if loose:
        found.passed[f"in no folder of {'a split' if by_split else 'a class'}"] += loose
    classes = {draft.label for draft in drafts}
    if not drafts or (len(classes) < 2 and not unlabelled):
        raise UsageError(
            f"{place.given} has {len(files):,} {kind}, but {'no' if not drafts else 'only one'} folder of a class. "
            f"Arrange them as CLASS/FILE or train/CLASS/FILE, test/CLASS/FILE, or add a table (labels.csv) with the "
            "columns path and label."
        )
    if unlabelled and len(classes) > 1 and None in classes:
        names = ", ".join(sorted(d.name for d in drafts if d.label is None)[:3])
        raise UsageError(
            f"{place.given} has {kind} in folders of classes and {kind} without a class ({names}, …); move them."
        )
    labelled = "one folder per class" if classes != {None} else f"{kind} without classes"
    return Labelled(
        drafts=tuple(drafts),
        layout=f"{labelled}, in folders of splits" if by_split else labelled,
        passed=found.passed,
    )


# === Tables ===


def _tables_of(found: Listing, suffixes: Sequence[str]) -> list[tuple[Path, str | None]]:
    """The tables that describe a folder, with the splits that their names mean; empty if folders describe it.

    Tables stand at the top, or in the folders of splits, as Hugging Face's metadata.csv does.
    """
    chosen: list[tuple[Path, str | None]] = []
    for path in found.files:
        if not tables.is_table(path) or len(path.parts) > 2 or path.suffix.lower() == ".json":
            continue
        split = split_named(path.parts[0]) if len(path.parts) == 2 else split_named(path.stem)
        if len(path.parts) == 2 and split is None:
            continue
        table = tables.read(found.root / path)
        if _path_column(table, suffixes) and _label_column(table, None):
            chosen.append((found.root / path, split))
    return chosen


def _path_column(table: tables.Table, suffixes: Sequence[str]) -> str | None:
    def fits(cells: list[tables.Cell]) -> bool:
        near = [cell for cell in cells[:50] if isinstance(cell, str)]
        return bool(near) and any(_find(table.path, cell, suffixes) for cell in near)

    return tables.find_column(table, "", None, PATHS, fits)


def _label_column(table: tables.Table, path_column: str | None) -> str | None:
    def fits(cells: list[tables.Cell]) -> bool:
        names = {json.dumps(cell, default=str) for cell in cells if cell not in (None, "")}
        return len(names) > 1 and (len(names) < len(cells) or len(cells) < 10)

    taken = [name for name in table.columns if name.lower() in SPLIT_COLUMNS or name == path_column]
    return tables.find_column(table, "data.label", None, LABELS, fits, taken)


def _find(table: Path, cell: str, suffixes: Sequence[str]) -> Path | None:
    """The file that a cell names, relative to the table or to a folder next to it; its suffix may be missing."""
    name = cell.replace("\\", "/").strip()
    for folder in (table.parent, table.parent / table.stem, *(table.parent / f for f in _FOLDERS)):
        for suffix in ("", *suffixes):
            try:
                if (path := folder / f"{name}{suffix}").is_file():
                    return path
            except (OSError, ValueError):  # too long for a name, or with a zero byte
                return None
    return None


def _from_tables(
    place: Place,
    chosen: Sequence[tuple[Path, str | None]],
    kind: str,
    suffixes: Sequence[str],
    several: bool,
    passed: Counter[str],
) -> Labelled:
    drafts: list[Draft] = []
    for path, split in chosen:
        drafts += _rows(tables.read(path), split, kind, suffixes, several, passed)
    names = Counter(draft.source for draft in drafts)
    twice = [source for source, count in names.items() if count > 1]
    if twice:
        raise UsageError(
            f"{place.given}: {twice[0]} has {names[twice[0]]} rows; give each file one row"
            + (", with its labels separated by ;" if several else "") + "."
        )  # fmt: skip
    if not drafts:
        raise UsageError(f"{place.given}: no row names a file that exists and has a label.")
    listed = ", ".join(path.name for path, _ in chosen[:3])
    return Labelled(
        drafts=tuple(drafts), layout=f"table of paths and labels ({listed})", passed=passed
    )


def _rows(
    table: tables.Table,
    split: str | None,
    kind: str,
    suffixes: Sequence[str],
    several: bool,
    passed: Counter[str],
) -> Iterator[Draft]:
    path_column = _path_column(table, suffixes)
    if path_column is None:
        raise UsageError(
            f"{table.path}: no column names {kind} that exist; its columns are {', '.join(table.columns)}. "
            "Paths are relative to the table."
        )
    label_column = _label_column(table, path_column)
    if label_column is None:
        raise UsageError(
            f"{table.path}: no column looks like the label; name it one of {', '.join(LABELS[:4])}. "
            f"Its columns are {', '.join(table.columns)}."
        )
    split_column = next((name for name in table.columns if name.lower() in SPLIT_COLUMNS), None)
    for line, row in zip(table.lines, table.rows, strict=True):
        path = _find(table.path, str(row[path_column] or ""), suffixes)
        if path is None or left_over(path.name):
            passed["rows whose file does not exist"] += 1
            continue
        label = _several(row[label_column]) if several else tables.class_name(row[label_column])
        if not label:
            passed["rows without a label"] += 1
            continue
        own = split_named(str(row[split_column])) if split_column else None
        name = (
            path.relative_to(table.path.parent) if path.is_relative_to(table.path.parent) else path
        )
        yield Draft(name=name.as_posix(), source=path, label=label, split=own or split)


def _several(cell: tables.Cell) -> tuple[str, ...]:
    if isinstance(cell, list):
        parts: Sequence[Any] = cell
    else:
        text = tables.class_name(cell) or ""
        mark = next((mark for mark in ";|," if mark in text), ";")
        parts = text.split(mark)
    return tuple(dict.fromkeys(name for part in parts if (name := tables.class_name(part))))


def file_reader(
    read: Callable[[bytes], dict[str, Any]],
) -> Callable[[Any], Iterator[dict[str, Any]]]:
    """A `Found.read` for items that are one file and one example."""

    def of_item(item: Any) -> Iterator[dict[str, Any]]:
        yield read(item.source.read_bytes())

    return of_item
