"""ImageNet's validation pictures in a folder, each with its class: the place of its synset (WNID) in sorted order.

Pictures lie in folders of their synsets (`val/n01440764/*.JPEG`), or all in one folder with a file of the ground truth:

- `LOC_val_solution.csv` (Kaggle): name, then synset and box;
- lines of a name and a class (Caffe's `val.txt`): a number from 0, or a synset;
- lines of a class alone, in the order of the pictures' numbers: synsets, or numbers from 0;
- `ILSVRC2012_validation_ground_truth.txt` (the development kit): numbers from 1 in an order of its own, which its
  `meta.mat` explains.

Without such a file, pictures with their official names have the classes that TFDS lists for them.
"""

from __future__ import annotations

import csv
import functools
import re
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

from perceiver_keras.data.own.files import files_below
from perceiver_keras.data.own.splits import split_named
from perceiver_keras.errors import PerceiverError, UsageError

SUFFIXES = {".jpeg", ".jpg", ".png"}
_SYNSET = re.compile(r"n\d{8}")
_NUMBER = re.compile(r"(\d{1,8})$")
_OFFICIAL = re.compile(r"ILSVRC2012_val_(\d{8})")
_DEVKIT = "ground_truth"  # in the name of the development kit's file


class Picture(NamedTuple):
    """A picture and the place of its class; `name` is its file's without the suffix, or its path if several have it."""

    name: str
    path: Path
    label: int


@functools.cache
def synsets() -> tuple[str, ...]:
    """The 1,000 classes in the models' order, which is that of their names."""
    return tuple(_lines("labels.txt"))


def class_names() -> list[str]:
    """The classes in words, in the same order."""
    from tensorflow_datasets.datasets.siscore.labels import IMAGENET_LABELS_LIST

    return list(IMAGENET_LABELS_LIST)


@functools.cache
def _official_labels() -> tuple[str, ...]:
    return tuple(_lines("validation_labels.txt"))


def _lines(name: str) -> list[str]:
    import tensorflow_datasets as tfds

    path = tfds.core.tfds_path(f"datasets/imagenet2012/{name}")
    return path.read_text().split()


def find(folder: Path) -> list[Picture]:
    """The pictures below a folder, sorted by name.

    Raises:
      UsageError: there are none, or nothing says their classes.
      PerceiverError: the ground truth is damaged, or does not fit the pictures.
    """
    files = files_below(folder)
    pictures = _judged([path for path in files if path.suffix.lower() in SUFFIXES], folder)
    if not pictures:
        raise UsageError(
            f"{folder} has no pictures of ImageNet's validation set; expected val/SYNSET/*.JPEG, or "
            "ILSVRC2012_val_00000001.JPEG and so on with a file of the ground truth."
        )
    counts = Counter(path.stem for path in pictures)
    if all(_SYNSET.fullmatch(path.parent.name) for path in pictures):
        said = {path: path.parent.name for path in pictures}
    elif len(counts) < len(pictures):
        twice = [path for path in pictures if counts[path.stem] > 1][:2]
        raise PerceiverError(
            f"{twice[0]} and {twice[1]} have one name, by which the ground truth can't tell them apart; keep one."
        )
    else:
        named = _ground_truth(folder, files, sorted(counts))
        said = {path: named[path.stem] for path in pictures}
    places = {synset: place for place, synset in enumerate(synsets())}
    unknown = sorted(set(said.values()) - places.keys())
    if unknown:
        raise PerceiverError(f"{folder}: {unknown[0]} is none of ImageNet's 1,000 synsets.")
    return sorted(
        Picture(
            path.stem if counts[path.stem] == 1 else path.relative_to(folder).as_posix(),
            path,
            places[synset],
        )
        for path, synset in said.items()
    )


def _judged(pictures: Sequence[Path], folder: Path) -> Sequence[Path]:
    """The pictures of the validation split alone, if those of other splits lie next to it."""
    splits: dict[str | None, list[Path]] = {}
    for path in pictures:
        parts = map(split_named, path.relative_to(folder).parts[:-1])
        splits.setdefault(next(filter(None, parts), None), []).append(path)
    return splits["validation"] if "validation" in splits and len(splits) > 1 else pictures


def _ground_truth(folder: Path, files: Sequence[Path], names: Sequence[str]) -> Mapping[str, str]:
    """Name -> synset, from the only file that can be read as ground truth, or else from the official names."""
    candidates = [path for path in files if path.suffix in (".txt", ".csv")]
    for path in sorted(candidates, key=lambda path: (len(path.parts), path.name)):
        found = _read(path, names, files)
        if found is not None:
            return found
    numbers = [_OFFICIAL.fullmatch(name) for name in names]
    labels = _official_labels()
    if all(numbers) and all(1 <= int(match[1]) <= len(labels) for match in numbers):
        return {match[0]: labels[int(match[1]) - 1] for match in numbers}
    raise UsageError(
        f"{folder}: nothing says the classes of its pictures, such as {names[0]}; put a file of the ground truth there "
        "(LOC_val_solution.csv, or a .txt with lines of NAME CLASS)."
    )


def _read(path: Path, names: Sequence[str], files: Sequence[Path]) -> Mapping[str, str] | None:
    """Name -> synset; None if the file is about something else."""
    try:
        text = path.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError):
        return None
    try:
        rows = (
            [row[:1] + row[1].split()[:1] for row in csv.reader(text.splitlines()) if len(row) > 1]
            if path.suffix == ".csv"
            else [line.split() for line in text.splitlines()]
        )
    except csv.Error:
        return None
    while rows and not rows[-1]:
        rows.pop()
    whole = rows
    rows = [row for row in rows if row and _is_class(row[-1])]
    if rows and all(len(row) == 2 for row in rows):
        said = {}
        for name, value in rows:
            stem, synset = Path(name).stem, _synset(path, value)
            if said.setdefault(stem, synset) != synset:
                raise PerceiverError(
                    f"{path} says two classes of {stem}: {said[stem]} and {synset}."
                )
        missing = [name for name in names if name not in said]
        if missing and len(missing) < len(names):
            raise PerceiverError(f"{path} does not say the class of {missing[0]}.")
        return None if missing else said
    if not rows or any(len(row) != 1 for row in rows):
        return None
    values = [row[0] for row in rows]
    if sorted(values) == sorted(synsets()):  # the list of all classes
        return None
    if whole[0] and not re.search(r"\d", " ".join(whole[0])):  # a heading
        whole = whole[1:]
    if 2 * len(rows) < len(whole):
        return None
    if len(rows) < len(whole):  # the lines below would be those of other pictures
        line = next(i for i, row in enumerate(whole, 1) if not row or not _is_class(row[-1]))
        raise PerceiverError(f"{path}, line {line}: expected a class, a number or a synset.")
    if all(value.isdigit() for value in values) and _DEVKIT in path.name:
        values = _of_devkit(path, values, files)
    return _by_number(path, values, names)


def _by_number(path: Path, values: Sequence[str], names: Sequence[str]) -> Mapping[str, str]:
    """Line N is of the picture whose name ends in N; or, if names do not, lines follow the sorted names."""
    numbers = [_NUMBER.search(name) for name in names]
    if all(numbers) and all(1 <= int(match[1]) <= len(values) for match in numbers):
        lines = [int(match[1]) - 1 for match in numbers]
    elif len(values) == len(names):
        lines = list(range(len(names)))
    else:
        raise PerceiverError(f"{path} has {len(values)} classes for {len(names)} pictures.")
    return {name: _synset(path, values[line]) for name, line in zip(names, lines, strict=True)}


def _is_class(word: str) -> bool:
    return (word.isascii() and word.isdigit()) or bool(_SYNSET.fullmatch(word))


def _synset(path: Path, value: str) -> str:
    if not value.isdigit():
        return value
    if int(value) >= len(synsets()):
        raise PerceiverError(
            f"{path}: class {value} is not in 0 to {len(synsets()) - 1}. The development kit counts from 1 in another "
            f"order; leave its file its name, which has {_DEVKIT} in it."
        )
    return synsets()[int(value)]


def _of_devkit(path: Path, values: Sequence[str], files: Sequence[Path]) -> list[str]:
    """The development kit's numbers as synsets, by its meta.mat."""
    found = [file for file in files if file.name == "meta.mat"]
    if not found:
        raise UsageError(
            f"{path} numbers classes in the development kit's order; put the kit's data/meta.mat next to it, or remove "
            "the file where pictures have their official names."
        )
    from scipy.io import loadmat

    try:
        table = loadmat(str(found[0]), squeeze_me=True)["synsets"]
        named = {int(row["ILSVRC2012_ID"]): str(row["WNID"]) for row in table}
        return [named[int(value)] for value in values]
    except (ValueError, KeyError, TypeError, IndexError, RuntimeError) as error:
        raise PerceiverError(f"{found[0]} is not the development kit's table: {error!r}.") from None
