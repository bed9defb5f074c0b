"""What a look at the user's data found: its layout, examples, labels and splits, in a form that people can read."""

from __future__ import annotations

import hashlib
import json
import os
import re
import unicodedata
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path, PurePath
from typing import Any

from perceiver_keras.data.own import digests
from perceiver_keras.data.own.splits import SPLITS, assign
from perceiver_keras.errors import PerceiverError, UsageError, nearest

Part = tuple[float, float]  # from and to, in seconds
Label = str | tuple[str, ...] | float | None  # a class, several classes, a number, nothing
_MOST_LISTED = 12
_VERSION = 2  # a change of how files become examples makes a new data set


@dataclass(frozen=True, kw_only=True)
class Place:
    """Where to look.

    Attributes:
      given: The path as the user named it.
      root: The file or folder where the data begins; see `files.root_of`.
      store: The folder for what is kept: unpacked archives, remembered digests.
      options: Settings of the data that say how to read it, such as the columns of a table.
      labels: The classes of a trained model, which the data's must be among; None: the data determines them.
      judging: Whether a model is to be judged on the data, all of it unless it has a test split of its own.
    """

    given: Path
    root: Path
    store: Path
    options: Mapping[str, Any] = field(default_factory=dict)
    labels: tuple[str, ...] | None = None
    judging: bool = False

    @property
    def memory(self) -> Path:
        """The file that remembers the digests of this place's files."""
        name = hashlib.sha256(str(self.root.resolve()).encode("utf-8", "surrogateescape"))
        return self.store / "digests" / f"{name.hexdigest()[:16]}.json"


@dataclass(frozen=True, kw_only=True)
class Draft:
    """An example before its split is known.

    Attributes:
      name: Unique and readable: the file relative to the data, or the table and its line.
      source: What the kind's `read` takes: a path, or a row.
      content: The bytes that the split is determined by; None: those of the file `source`.
      label: As the data has it.
      split: One of `SPLITS`, or None if the data does not say.
      part: What of the file the example is made of; None: all.
    """

    name: str
    source: Any
    content: bytes | None = None
    label: Label = None
    split: str | None = None
    part: Part | None = None


@dataclass(frozen=True, kw_only=True)
class Item:
    """An example: a `Draft` with its split and the SHA-256 of its content, which is the whole file's for a part."""

    name: str
    source: Any
    digest: str
    label: Label
    split: str
    part: Part | None = None


@dataclass(frozen=True, kw_only=True)
class Found:
    """What lies at a place. `str(found)` is a short table for people.

    Attributes:
      kind: What the examples are, e.g. "pictures"; part of the data set's name.
      place: Where.
      layout: How it is arranged, e.g. "one folder per class".
      items: The examples.
      labels: Names of the classes, in their order; None if there are none.
      features: TFDS features of a stored example, by name.
      read: (item) -> the stored examples made of it, usually one; raises `PerceiverError` if it is corrupt.
      passed: Reason -> how many files were passed over for it.
      measured: What the kind measured, for the model's settings: sizes, rates, lengths.
      facts: (what, text) rows for people about the same.
      notes: What the user should know, each a sentence.
      dataset: The name that `source.open_builder` takes.
    """

    kind: str
    place: Place
    layout: str
    items: tuple[Item, ...]
    labels: tuple[str, ...] | None
    features: Mapping[str, Any]
    read: Callable[[Item], Iterator[dict[str, Any]]]
    passed: Mapping[str, int] = field(default_factory=dict)
    measured: Mapping[str, Any] = field(default_factory=dict)
    facts: Sequence[tuple[str, str]] = ()
    notes: Sequence[str] = ()

    @property
    def dataset(self) -> str:
        digest = hashlib.sha256()
        about = [_VERSION, self.kind, self.labels, sorted(self.features), dict(self.place.options)]
        if "window" in self.measured:  # files are stored in parts of this length
            about.append(self.measured["window"])
        digest.update(json.dumps(about, sort_keys=True, default=str).encode())
        for item in sorted(self.items, key=lambda item: item.name):
            row = [item.name, item.digest, item.label, item.split]
            digest.update(json.dumps(row).encode("utf-8", "surrogatepass"))
        return f"own_data/{self.kind}-{digest.hexdigest()[:16]}"

    def in_split(self, split: str) -> list[Item]:
        return [item for item in self.items if item.split == split]

    def counts(self, split: str | None = None) -> Counter[str]:
        """How many examples have each class."""
        chosen = self.items if split is None else self.in_split(split)
        many = (label if isinstance(label, tuple) else (label,) for label in _labels(chosen))
        return Counter(name for names in many for name in names if isinstance(name, str))

    def rows(self) -> list[tuple[str, str]]:
        """(what, text) rows of the table."""
        sizes = ", ".join(
            f"{count:,} {split}" for split in SPLITS if (count := len(self.in_split(split)))
        )
        rows = [("data", str(self.place.given)), ("layout", self.layout)]
        rows.append(("examples", f"{len(self.items):,}: {sizes}"))
        if self.labels is not None:
            counts = self.counts()
            listed = [f"{name} {counts[name]:,}" for name in self.labels[:_MOST_LISTED]]
            more = len(self.labels) - _MOST_LISTED
            listed += [f"and {more:,} more"] if more > 0 else []
            rows.append(("classes", f"{len(self.labels):,}: {', '.join(listed)}"))
        rows += self.facts
        if self.passed:
            many = ", ".join(f"{count:,} {why}" for why, count in sorted(self.passed.items()))
            rows.append(("passed over", many))
        splits: dict[str, set[str]] = {}
        for item in self.items:
            splits.setdefault(item.digest, set()).add(item.split)
        notes = list(self.notes)
        labels: dict[Any, set[Label]] = {}
        for item in self.items:
            labels.setdefault((item.digest, item.part), set()).add(item.label)
        if many := sum(len(held) > 1 for held in labels.values()):
            notes.append(
                f"{many:,} {'content has' if many == 1 else 'contents have'} several labels."
            )
        if shared := sum(len(held) > 1 for held in splits.values()):
            notes.append(f"{shared:,} contents are in several of the splits that the data gives.")
        return [*rows, *(("note", note) for note in notes)]

    def __str__(self) -> str:
        return "\n".join(f"  {what:<12} {text}" for what, text in self.rows())


def _labels(items: Sequence[Item]) -> Iterator[Label]:
    return (item.label for item in items)


def to_items(drafts: Sequence[Draft], place: Place, what: str) -> tuple[Item, ...]:
    """The drafts with their splits, stratified by label.

    Args:
      drafts: At least one.
      place: Where they are from.
      what: The word for them, in the plural.

    Raises:
      UsageError: a split would be empty, or two have one name; the message says what to do.
      PerceiverError: a file can't be read.
    """
    name, count = Counter(draft.name for draft in drafts).most_common(1)[0]
    if count > 1:
        raise UsageError(
            f"{place.given} has {count} {what} of one name, {name}; rename all but one."
        )
    drafts = [replace(draft, label=_spelled(draft.label, place)) for draft in drafts]
    paths = [draft.source for draft in drafts if draft.content is None]
    of_paths = iter(digests.of_files(paths, place.memory) if paths else ())
    hashes = [
        next(of_paths) if draft.content is None else hashlib.sha256(draft.content).hexdigest()
        for draft in drafts
    ]
    given = [draft.split for draft in drafts]
    if place.judging:
        splits = [split or "train" for split in given] if "test" in given else ["test"] * len(given)
    else:
        strata = [None if isinstance(draft.label, float) else draft.label for draft in drafts]
        splits = assign(hashes, strata, given)
        _check(splits, given, hashes, place, what)
    return tuple(
        Item(name=d.name, source=d.source, digest=digest, label=d.label, split=split, part=d.part)
        for d, digest, split in zip(drafts, hashes, splits, strict=True)
    )


def unreadable(reasons: Iterable[tuple[str, PerceiverError]], split: str) -> tuple[Item, ...]:
    """Items whose reading fails with the reason, in a split that others are in: none is made of nothing else."""
    return tuple(
        Item(name=name, source=why, digest="", label=None, split=split) for name, why in reasons
    )


def _spelled(label: Label, place: Place) -> Label:
    """The label as the judged model spells it, else in Unicode's form NFC: macOS decomposes the names of folders."""
    if isinstance(label, tuple):
        return tuple(dict.fromkeys(_spelled(name, place) for name in label))
    if not isinstance(label, str) or label in (place.labels or ()):
        return label
    name = unicodedata.normalize("NFC", label)
    same = (own for own in place.labels or () if unicodedata.normalize("NFC", own) == name)
    return next(same, name)


def _check(
    splits: Sequence[str],
    given: Sequence[str | None],
    hashes: Sequence[str],
    place: Place,
    what: str,
) -> None:
    absent = next((split for split in SPLITS if split not in splits), None)
    if absent is None:
        return
    names = ", ".join(SPLITS)
    others = [split for split in SPLITS[1:] if split in given]
    kept = {digest for digest, split in zip(hashes, given, strict=True) if split in others}
    free = [digest for digest, split in zip(hashes, given, strict=True) if split not in others]
    if copies := sum(digest in kept for digest in free):
        raise UsageError(
            f"{place.given}: {copies:,} of the {len(free):,} {what} outside of {' and '.join(others)} are copies of "
            f"those in it, which are not put into another split, and without them {absent} has none. Add other "
            f"{what}, or give the splits yourself as folders (or in a column) named {names}."
        )
    different = len(set(hashes))
    among = f" ({different:,} different contents)" if different < len(hashes) else ""
    raise UsageError(
        f"{place.given}: {len(splits):,} {what}{among} are too few to train, validate and test: {absent} has none. "
        "Add some until there are at least 3 different ones per class, or give the splits yourself as folders "
        f"(or in a column) named {names}."
    )


def classes(names: Iterable[str], place: Place) -> tuple[str, ...]:
    """The classes of the examples in their order, or those of the model that is judged.

    Raises:
      UsageError: the data has classes that the model lacks, or names that are no Unicode.
    """
    found = class_order(names)
    for name in found:
        try:
            name.encode()
        except UnicodeEncodeError:
            raise UsageError(
                f"{place.given}: the name of the class {ascii(name)} can't be stored, because it is not Unicode "
                "(UTF-8); rename its folder, or the class in its table."
            ) from None
    if place.labels is None:
        return found
    if unknown := [name for name in found if name not in place.labels]:
        raise UsageError(
            f"{place.given}: the model has no class {unknown[0]!r}.{nearest(unknown[0], place.labels)}"
        )
    return place.labels


def shown(path: PurePath) -> str:
    """A relative path as text that can be stored and printed, whatever bytes its name has; different for each path."""
    return os.fsencode(path.as_posix()).replace(b"\\", rb"\\").decode("utf-8", "backslashreplace")


def class_order(names: Iterable[str]) -> tuple[str, ...]:
    """The classes in the order of their numbers: 2 before 10 if all end in numbers, else as strings sort."""
    return tuple(sorted(set(names), key=_natural))


def _natural(name: str) -> list[tuple[int, Any]]:
    parts = re.split(r"(\d+)", name)
    return [(0, int(part)) if part.isdecimal() else (1, part) for part in parts if part]


def class_notes(items: Sequence[Item], labels: Sequence[str]) -> list[str]:
    """What to know about classes that a split lacks."""
    notes = []
    for split in dict.fromkeys(item.split for item in items):
        held = {name for i in items if i.split == split for name in _names(i.label)}
        if lacking := [name for name in labels if name not in held]:
            many = ", ".join(lacking[:_MOST_LISTED]) + (
                ", …" if len(lacking) > _MOST_LISTED else ""
            )
            notes.append(f"{split} has no example of {many}.")
    return notes


def _names(label: Label) -> tuple[Any, ...]:
    return label if isinstance(label, tuple) else (label,)
