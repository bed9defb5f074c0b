"""Source code of Python's standard library with its subject, which is the group of modules it is from: no network.

The texts are passages of code with its comments and docstrings, of at most `PIECE` bytes. `tfds build` finds this file
in its folder; `perceiver_keras.data.store.source.open_builder` prepares the data set on first use. The file imports
nothing from this package, so that it works in both.
"""

from __future__ import annotations

import collections
import hashlib
import importlib.util
import itertools
import re
import tokenize
from collections.abc import Iterator

import tensorflow_datasets as tfds

# Subject -> modules; all are in Python since 3.9 or earlier, and in every distribution.
SUBJECTS = {
    "numbers": "_pydecimal",
    "drawing": "turtle",
    "archives": "tarfile zipfile",
    "dates": "datetime calendar _strptime zoneinfo._zoneinfo",
    "options": "argparse optparse getopt",
    "types": "typing dataclasses",
}
PIECE, SHORTEST = 192, 24  # bytes at most, letters at least
MOST = {
    "train": 600,
    "validation": 100,
    "test": 200,
}  # examples per subject, so that none is much commoner
SHARES = {"test": 0.2, "validation": 0.1}  # of the paragraphs, by the hash of their letters
_RUN, NEAR = 8, 0.5  # letters: the unit in which two pieces are compared; how much they may share


def paragraphs(source: str) -> list[str]:
    """The parts of a module between its empty lines."""
    return re.split(r"\n\s*\n", source)


def pieces(paragraph: str) -> list[str]:
    """A paragraph in runs of whole words, at most `PIECE` bytes each; those with little text are left out."""
    found, current = [], ""
    for word in paragraph.split():
        longer = f"{current} {word}".strip()
        if current and len(longer.encode()) > PIECE:
            found.append(current)
            longer = word
        current = longer
    found.append(current)
    return [p for p in found if len(p.encode()) <= PIECE and len(letters(p)) >= SHORTEST]


def letters(text: str) -> str:
    """The text's letters alone, small."""
    return re.sub(r"[\W\d_]+", "", text.lower())


def split_of(paragraph: str) -> str:
    """The split of a paragraph, by its letters alone."""
    place = int(hashlib.sha256(letters(paragraph).encode()).hexdigest()[:8], 16) / 16**8
    for split, share in SHARES.items():
        if place < share:
            return split
        place -= share
    return "train"


def examples(texts: dict[str, list[str]]) -> dict[str, list[tuple[str, str]]]:
    """{split: [(piece, subject), …]} from {subject: its paragraphs}.

    A piece is left out if it is near one of an earlier split (test comes first, then validation) or the same as one of
    its own: nothing that is tested has been seen with a word changed, or as a part of something longer.
    """
    found: dict[str, list[tuple[str, str]]] = {}
    earlier = _Pieces()
    for split in ("test", "validation", "train"):
        rows, seen = [], set()
        for subject, given in texts.items():
            chosen = {p for text in given if split_of(text) == split for p in pieces(text)}
            # In an order that no module's place decides, so that the limit leaves some of every module.
            ordered = sorted(chosen, key=lambda p: hashlib.sha256(p.encode()).digest())
            fresh = (p for p in ordered if letters(p) not in seen and not earlier.near(p))
            for piece in itertools.islice(fresh, MOST[split]):
                seen.add(letters(piece))
                rows.append((piece, subject))
        for piece, _ in rows:
            earlier.add(piece)
        found[split] = rows
    return found


class _Pieces:
    """Pieces by their runs of `_RUN` letters."""

    def __init__(self) -> None:
        self._holders: dict[str, list[int]] = collections.defaultdict(list)
        self._sizes: list[int] = []

    def add(self, piece: str) -> None:
        runs = _runs(piece)
        for run in runs:
            self._holders[run].append(len(self._sizes))
        self._sizes.append(len(runs))

    def near(self, piece: str) -> bool:
        """Whether one of them has in common with `piece` more than `NEAR` of the runs of the shorter of the two."""
        runs = _runs(piece)
        common = collections.Counter(place for run in runs for place in self._holders.get(run, ()))
        return any(
            count > NEAR * min(len(runs), self._sizes[place]) for place, count in common.items()
        )


def _runs(piece: str) -> set[str]:
    text = letters(piece)
    return {text[start : start + _RUN] for start in range(len(text) - _RUN + 1)}


def texts() -> dict[str, list[str]]:
    """{subject: the paragraphs of its modules}; a module that this Python lacks is left out."""
    found: dict[str, list[str]] = {}
    for subject, modules in SUBJECTS.items():
        found[subject] = []
        for module in modules.split():
            spec = importlib.util.find_spec(module)
            if spec is not None and (spec.origin or "").endswith(".py"):
                with tokenize.open(spec.origin) as file:
                    found[subject] += paragraphs(file.read())
    return found


class Builder(tfds.core.GeneratorBasedBuilder):
    """Passages of the standard library's source code: `text`, and `label`, its subject."""

    VERSION = tfds.core.Version("1.0.0")
    RELEASE_NOTES = {
        "1.0.0": "First release: splits by paragraph, no near-duplicates in two splits."
    }

    def _info(self) -> tfds.core.DatasetInfo:
        return self.dataset_info_from_configs(
            features=tfds.features.FeaturesDict(
                {
                    "text": tfds.features.Text(),
                    "label": tfds.features.ClassLabel(names=list(SUBJECTS)),
                }
            ),
            supervised_keys=("text", "label"),
            homepage="https://docs.python.org/3/library/",
        )

    def _split_generators(self, dl_manager: tfds.download.DownloadManager):
        found = examples(texts())
        return {split: self._generate_examples(found[split]) for split in MOST}

    def _generate_examples(self, rows: list[tuple[str, str]]) -> Iterator[tuple[int, dict]]:
        for number, (piece, subject) in enumerate(rows):
            yield number, {"text": piece, "label": subject}
