"""Which examples train, validate and test: as the data's own folders and columns say, else by a hash of the content."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Collection, Hashable, Sequence
from pathlib import PurePath
from typing import TypeVar

SPLITS = ("train", "validation", "test")
# The shares of the splits that are made, in the order of the hash's range; the rest trains.
SHARES = {"test": 0.15, "validation": 0.10}
_NAMES = {
    **dict.fromkeys(("train", "training", "trn"), "train"),
    **dict.fromkeys(
        ("validation", "valid", "val", "validate", "dev", "eval", "development"), "validation"
    ),
    **dict.fromkeys(("test", "testing", "tst"), "test"),
}
# train-00000-of-00003, as Hugging Face names the parts of a split.
_PART = re.compile(r"_\d{5}_of_\d{5}$")
_MORE_WORDS = re.compile(r"_?(set|data|dataset|split|images|imgs)$")
_Path = TypeVar("_Path", bound=PurePath)


def split_named(name: str) -> str | None:
    """The split that a folder, file stem or cell of this name means; None if it is not a usual name of one."""
    plain = _plain(name)
    return _NAMES.get(plain) or _NAMES.get(_MORE_WORDS.sub("", plain))


def _plain(name: str) -> str:
    return _PART.sub("", re.sub(r"[-\s.]", "_", name.strip().lower()))


def splits_named(names: Collection[str], classes: bool = False) -> dict[str, str]:
    """The splits of those siblings whose names mean one: by usual names, or by ends such as `seg_train`, `seg_test`.

    Ends count where none of the usual names is to train, and one beginning has the ends of several splits.

    Args:
      names: Of folders or files at one place.
      classes: Whether they may be names of classes, as `bullet_train` is: ends count only if all names begin alike.
    """
    usual = {name: split for name in names if (split := split_named(name))}
    if "train" in usual.values():
        return usual
    others = {name: _plain(name) for name in names if name not in usual}
    ends: dict[str, dict[str, str]] = defaultdict(dict)
    for name, plain in others.items():
        beginning, _, end = plain.rpartition("_")
        if beginning and end in _NAMES:
            ends[f"{beginning}_"][name] = _NAMES[end]
    for beginning, found in ends.items():
        several = "train" in found.values() and len(set(found.values())) > 1
        if several and not (classes and any(not n.startswith(beginning) for n in others.values())):
            usual |= found
    return usual


def splits_of_files(paths: Sequence[_Path]) -> dict[_Path, str | None]:
    """The split of each of some files of examples, as `split_of_file` says it, but among their siblings."""
    folders = splits_named({path.parts[0] for path in paths if len(path.parts) > 1})
    stems = splits_named({_stem(path) for path in paths})
    return {
        path: (folders.get(path.parts[0]) if len(path.parts) > 1 else None)
        or stems.get(_stem(path))
        for path in paths
    }


def _stem(path: PurePath) -> str:
    return path.name.partition(".")[0]


def split_of_file(path: PurePath) -> str | None:
    """The split of a file of examples, relative to the data: as its first folder's name says, else its own."""
    folder = split_named(path.parts[0]) if len(path.parts) > 1 else None
    return folder or split_named(_stem(path))


def place_of(digest: str) -> float:
    """A hexadecimal SHA-256 as a number in [0, 1)."""
    return int(digest[:13], 16) / 16**13


def assign(
    digests: Sequence[str], labels: Sequence[Hashable], given: Sequence[str | None]
) -> list[str]:
    """The split of each example.

    Given splits stay. Those that no example has are filled from the training examples by the hash of their content, so
    that examples with the same bytes are in one split, and that examples stay where they are when others are added.
    A class that the hash leaves without a split although it has three contents or more gets one there: the content
    with the lowest hash that is not needed elsewhere.

    Args:
      digests: SHA-256 of each example's content, in hex.
      labels: The class of each example; None if there are no classes.
      given: The split that the data names for each example, or None.

    Returns:
      One of `SPLITS` for each example.
    """
    absent = [split for split in SHARES if split not in given]
    found = [split or "train" for split in given]
    if not absent:
        return found
    # Content that a given split holds as well is not made into another split.
    kept = {d: s for d, s in zip(digests, given, strict=True) if s in SHARES}
    made: dict[str, str] = {}
    contents: dict[Hashable, set[str]] = defaultdict(set)
    for digest, label, split in zip(digests, labels, found, strict=True):
        if split == "train" and digest not in kept:
            made.setdefault(digest, _by_hash(digest, absent))
            contents[label].add(digest)
    for label in sorted(contents, key=repr):
        _fill(made, contents[label], absent)
    # An example without a split goes where the data has its content; one that is given to training trains.
    return [
        made.get(digest, split if own else kept.get(digest, split)) if split == "train" else split
        for digest, own, split in zip(digests, given, found, strict=True)
    ]


def _by_hash(digest: str, absent: Sequence[str]) -> str:
    place = place_of(digest)
    for split in absent:
        if place < SHARES[split]:
            return split
        place -= SHARES[split]
    return "train"


def _fill(made: dict[str, str], contents: set[str], absent: Sequence[str]) -> None:
    """Gives every split at least one of a class's contents, if there are enough of them."""
    wanted = (*absent, "train")
    if len(contents) < len(wanted):
        return
    for split in wanted:
        held = {name: [d for d in contents if made[d] == name] for name in wanted}
        if held[split]:
            continue
        # From the split with the most of them, so that none is emptied.
        largest = max(wanted, key=lambda name: len(held[name]))
        made[min(held[largest])] = split
