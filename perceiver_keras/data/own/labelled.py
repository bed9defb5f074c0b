"""Files with classes: one folder per class, or a table of paths and labels; for pictures, sounds and videos alike."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path, PurePosixPath
from typing import Any

from perceiver_keras.data.own import tables
from perceiver_keras.data.own.files import Listing, left_over, listing
from perceiver_keras.data.own.found import Draft, Place, shown
from perceiver_keras.data.own.splits import split_named
from perceiver_keras.errors import UsageError

PATHS = ("path", "file", "filename", "file_name", "filepath", "file_path", "image", "img", "audio", "sound",
         "video", "clip", "image_path", "audio_path", "video_path", "name", "id", "fname")  # fmt: skip
LABELS = ("label", "labels", "class", "class_name", "category", "target", "tags", "tag", "y", "species", "genre",
          "label_name")  # fmt: skip
_KINETICS = ("youtube_id", "time_start", "time_end")
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
            files = _Files(place.root.parent, suffixes)
            return _from_tables(place, [(place.root, None)], kind, files, several, Counter())
        if not (unlabelled and _has(place.root, suffixes)):
            raise UsageError(
                f"{place.given} is a single file; name a folder of {kind}, an archive of one, or a table of paths "
                f"and labels ({', '.join(tables.SUFFIXES)})."
            )
        found = Listing(place.root.parent, [PurePosixPath(place.root.name)])
    else:
        found = listing(place.root)
    named = _Files(found.root, suffixes)
    if place.root.is_dir() and (chosen := _tables_of(found, named)):
        return _from_tables(place, chosen, kind, named, several, found.passed)
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
        label = label and tables.class_name(label)  # TFDS keeps names of classes as lines
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


def _tables_of(found: Listing, files: _Files) -> list[tuple[Path, str | None]]:
    """The tables that describe a folder, with the splits that their names mean; empty if folders describe it.

    Tables stand at the top, in the folders of splits, as Hugging Face's metadata.csv does, or in annotations/, as those
    of Kinetics do.
    """
    chosen: list[tuple[Path, str | None]] = []
    for path in found.files:
        if not tables.is_table(path) or len(path.parts) > 2 or path.suffix.lower() == ".json":
            continue
        split = split_named(path.stem) or split_named(path.parts[0])
        if len(path.parts) == 2 and split is None:
            continue
        table = _read(found.root / path)
        if _path_column(table, files) and _label_column(table, None):
            chosen.append((found.root / path, split))
    return chosen


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


def _path_column(table: tables.Table, files: _Files) -> str | None:
    def fits(cells: list[tables.Cell]) -> bool:
        near = [str(cell) for cell in cells if isinstance(cell, (str, int)) and cell != ""]
        return any(files.find(table.path, cell) for cell in near[:1000])

    found = tables.find_column(table, "", None, PATHS, fits)
    if found is not None and files.find(table.path, found):
        raise UsageError(
            f"{table.path}: line 1 must name the columns, such as path,label; it names the file {found!r}."
        )
    return found


def _label_column(table: tables.Table, path_column: str | None) -> str | None:
    def fits(cells: list[tables.Cell]) -> bool:
        names = {json.dumps(cell, default=str) for cell in cells if cell not in (None, "")}
        return len(names) > 1 and (len(names) < len(cells) or len(cells) < 10)

    taken = [name for name in table.columns if name.lower() in SPLIT_COLUMNS or name == path_column]
    return tables.find_column(table, "data.label", None, LABELS, fits, taken)


class _Files:
    """The files that cells of a table may name."""

    def __init__(self, root: Path, suffixes: Sequence[str]):
        self._suffixes = suffixes
        self._by_name: dict[str, Path | None] = {}
        for path in listing(root).files:
            for name in {path.name, path.stem} if _has(path, suffixes) else ():
                self._by_name[name] = None if name in self._by_name else root / path

    def find(self, table: Path, cell: str) -> Path | None:
        """The file that a cell names: relative to the table, or else the only one of that name anywhere below.

        The suffix may be missing.
        """
        name = cell.replace("\\", "/").strip()
        for suffix in ("", *self._suffixes):
            try:
                if (path := table.parent / f"{name}{suffix}").is_file():
                    return path
            except (OSError, ValueError):  # too long for a name, or with a zero byte
                return None
        return self._by_name.get(name.rsplit("/", 1)[-1])


def _from_tables(
    place: Place,
    chosen: Sequence[tuple[Path, str | None]],
    kind: str,
    files: _Files,
    several: bool,
    passed: Counter[str],
) -> Labelled:
    drafts: list[Draft] = []
    for path, split in chosen:
        drafts += _rows(_read(path), split, place, kind, files, several, passed)
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
    place: Place,
    kind: str,
    files: _Files,
    several: bool,
    passed: Counter[str],
) -> Iterator[Draft]:
    path_column = _path_column(table, files)
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
    for row in table.rows:
        path = files.find(table.path, str(row[path_column] or ""))
        if path is None or left_over(path.name):
            passed["rows whose file does not exist"] += 1
            continue
        label = _several(row[label_column]) if several else tables.class_name(row[label_column])
        if not label:
            passed["rows without a label"] += 1
            continue
        own = split_named(str(row[split_column])) if split_column else None
        root = place.root if place.root.is_dir() else place.root.parent
        name = path.relative_to(root) if path.is_relative_to(root) else path
        yield Draft(name=shown(name), source=path, label=label, split=own or split)


def _several(cell: tables.Cell) -> tuple[str, ...]:
    if isinstance(cell, list):
        parts: Sequence[Any] = cell
    else:
        text = tables.class_name(cell) or ""
        mark = next((mark for mark in ";|," if mark in text), ";")
        parts = text.split(mark)
    return tuple(dict.fromkeys(name for part in parts if (name := tables.class_name(part))))
