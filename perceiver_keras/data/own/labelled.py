"""Files with classes: one folder per class, or a table of paths and labels; for pictures, sounds and videos alike."""

from __future__ import annotations

import os
import re
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any

from perceiver_keras.data.own import given_splits, labelled_tables, tables
from perceiver_keras.data.own.files import Listing, listing
from perceiver_keras.data.own.found import Draft, Place, shown
from perceiver_keras.data.own.labelled_tables import LABELS as LABELS
from perceiver_keras.data.own.named_files import NamedFiles
from perceiver_keras.data.own.splits import splits_named
from perceiver_keras.errors import UsageError

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
    timed: bool = False,
) -> Labelled:
    """The files at a place and their labels.

    Args:
      place: Where.
      kind: The word for such files, in the plural.
      suffixes: Of such files, in lower case with their dot.
      several: Whether a file may have several labels, in a table separated by `;` if any cell has one, else `|` or `,`.
      unlabelled: Whether files without a class are taken, with the label None.
      timed: Whether a row of a table may be about a part of a file, which columns of times say.

    Raises:
      UsageError: no such files are there, or none has a label; the message says which layouts there are.
      PerceiverError: a table is damaged.
    """
    if place.root.is_file():
        if tables.is_table(place.root):
            files = NamedFiles(place.root.parent, suffixes)
            return _from_tables(place, [(place.root, None)], kind, files, several, timed, Counter())
        if not (unlabelled and _has(place.root, suffixes)):
            raise UsageError(
                f"{place.given} is a single file; name a folder of {kind}, an archive of one, or a table of paths "
                f"and labels ({', '.join(tables.SUFFIXES)})."
            )
        found = Listing(place.root.parent, [PurePosixPath(place.root.name)])
    else:
        found = listing(place.root)
    named = NamedFiles(found.root, suffixes)
    chosen, refused = (
        labelled_tables.described_by(found, named, several) if place.root.is_dir() else ([], None)
    )
    if chosen:
        return _from_tables(place, chosen, kind, named, several, timed, found.passed)
    files = found.keep(lambda path: _has(path, suffixes), f"not {kind}")
    if not files:
        raise UsageError(f"{place.given} holds no {kind} ({', '.join(suffixes)}).{_hint(found)}")
    try:
        return _from_folders(place, found, files, named, kind, several, unlabelled)
    except UsageError as error:
        raise refused or error from None


def _from_tables(
    place: Place,
    chosen: Sequence[tuple[Path, str | None]],
    kind: str,
    files: NamedFiles,
    several: bool,
    timed: bool,
    passed: Counter[str],
) -> Labelled:
    drafts, layout = labelled_tables.drafts_of(place, chosen, kind, files, several, timed, passed)
    return Labelled(drafts=drafts, layout=layout, passed=+passed)


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
    spelled: dict[tuple[Any, str], str] = {}
    for path in files:
        parts, split = inside[path], None
        if by_split and len(parts) > 1 and (split := split_folders.get(parts[0])):
            parts = parts[2:] if parts[0] in doubled else parts[1:]
        label: Any = (_class_of(parts[0]) or None) if len(parts) > 1 else None
        if label is not None:
            beside = path.parts[: -len(parts)]
            if (other := spelled.setdefault((beside, label), parts[0])) != parts[0]:
                raise UsageError(
                    f"{place.given}: the folders {other!r} and {parts[0]!r} would be one class, {label!r}; rename "
                    "one of them, or move its files into the other."
                )
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
