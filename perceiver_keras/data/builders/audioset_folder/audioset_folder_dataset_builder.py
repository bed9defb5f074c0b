"""AudioSet as a TFDS data set, from the user's clips and AudioSet's own CSV files."""

from __future__ import annotations

import csv
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

import tensorflow_datasets as tfds

from perceiver_keras.data.own.files import Listing
from perceiver_keras.data.store.files_builder import FilesBuilder, Named
from perceiver_keras.data.video import builder
from perceiver_keras.errors import PerceiverError, UsageError

FRAMES, MOST_LABELS = 250, 16
NAMES = "class_labels_indices.csv"  # index, mid, display_name
SEGMENTS = {
    "train": ("unbalanced_train_segments.csv", "balanced_train_segments.csv"),
    "test": ("eval_segments.csv",),
}


class Builder(FilesBuilder):
    """Clips of ten seconds with the labels of everything heard in them."""

    VERSION = tfds.core.Version("1.0.0")
    RELEASE_NOTES = {"1.0.0": "First release."}
    MANUAL_DOWNLOAD_INSTRUCTIONS = """
    Put into audioset_folder/ the files class_labels_indices.csv, eval_segments.csv and one or both of
    balanced_train_segments.csv and unbalanced_train_segments.csv from research.google.com/audioset,
    and the clips as clips/YTID.mp4 (any format that ffmpeg reads), already cut to ten seconds.
    """

    def _info(self) -> tfds.core.DatasetInfo:
        labels = tfds.features.Sequence(tfds.features.ClassLabel(), length=MOST_LABELS)
        return self.dataset_info_from_configs(
            features=builder.features(FRAMES, labels),
            homepage="https://research.google.com/audioset",
        )

    def sources(self, listed: Listing) -> Mapping[str, Iterable[Named]]:
        root = listed.root
        mids, self.info.features["label"].feature.names = classes(root / NAMES)
        self._places = {mid: number for number, mid in enumerate(mids)}
        clips = {path.stem: path for path in listed.files if path.parts[:-1] == ("clips",)}
        found = {}
        for split, files in SEGMENTS.items():
            named = [item for name in files for item in segments(root / name)]
            mine = {key: (root / clips[key], mids) for key, mids in named if key in clips}
            if mine:
                found[split] = [(str(clips[key]), value) for key, value in mine.items()]
        if not found:
            raise UsageError(
                f"{root}: no clip in clips/ is named in {', '.join(sum(SEGMENTS.values(), ()))}."
            )
        return found

    def read(self, item: tuple[Path, list[str]]) -> Iterator[tuple[str, dict]]:
        path, mids = item
        labels = sorted(self._places[mid] for mid in mids if mid in self._places)[:MOST_LABELS]
        (window,) = builder.windows(path, FRAMES, 1)
        yield path.stem, window | {"label": labels + [-1] * (MOST_LABELS - len(labels))}


def classes(path: Path) -> tuple[list[str], list[str]]:
    """(mids, names) of the classes, in the order of their numbers.

    Raises:
      UsageError: the file is missing.
      PerceiverError: it is damaged.
    """
    if not path.is_file():
        raise UsageError(
            f"{path.parent} lacks {path.name}; get it from research.google.com/audioset."
        )
    try:
        with open(path, newline="", encoding="utf-8-sig") as file:
            rows = sorted(csv.DictReader(file), key=lambda row: int(row["index"]))
        return [row["mid"] for row in rows], [row["display_name"] for row in rows]
    except (ValueError, KeyError, TypeError, csv.Error) as error:
        raise PerceiverError(
            f"{path} is damaged ({error!r}); expected the columns index, mid and display_name."
        ) from None


def segments(path: Path) -> Iterator[tuple[str, list[str]]]:
    """(YTID, mids) pairs from a file of segments; nothing if the file is missing.

    Lines that begin with `#` are comments; mids are one quoted field, separated by commas.

    Raises:
      PerceiverError: it is damaged.
    """
    if not path.is_file():
        return
    try:
        with open(path, newline="", encoding="utf-8-sig") as file:
            lines = (line for line in file if line.strip() and not line.startswith("#"))
            for row in csv.reader(lines, skipinitialspace=True):
                yield row[0], row[3].split(",")
    except (ValueError, IndexError, csv.Error) as error:
        raise PerceiverError(
            f"{path} is damaged ({error!r}); expected lines of YTID, start, end and labels."
        ) from None
