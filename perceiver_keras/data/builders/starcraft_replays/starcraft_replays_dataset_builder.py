"""Moments of a user's replays as a TFDS data set, read from JSON lines."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path, PurePosixPath

import numpy as np
import tensorflow_datasets as tfds

from perceiver_keras.data.own.files import Listing
from perceiver_keras.data.store.files_builder import FilesBuilder, Named
from perceiver_keras.errors import PerceiverError, UsageError

MOST, NUMBERS = 512, 256  # entities per moment, numbers per entity


class Builder(FilesBuilder):
    """The units of a moment, which one the action is aimed at, and whether the acting side won."""

    VERSION = tfds.core.Version("1.0.0")
    RELEASE_NOTES = {"1.0.0": "First release."}
    MANUAL_DOWNLOAD_INSTRUCTIONS = """
    Put train.jsonl, validation.jsonl and test.jsonl into starcraft_replays/, one moment per line:
    {"entities": [[...], ...], "target": 3, "won": 1}.
    """

    def _info(self) -> tfds.core.DatasetInfo:
        return self.dataset_info_from_configs(
            features=tfds.features.FeaturesDict(
                {
                    "entities": tfds.features.Tensor(shape=(MOST, NUMBERS), dtype=np.float32),
                    "mask": tfds.features.Tensor(shape=(MOST,), dtype=np.int64),
                    "label": tfds.features.Tensor(shape=(2,), dtype=np.int64),
                }
            ),
            homepage="https://arxiv.org/abs/2107.14795",
        )

    def sources(self, listed: Listing) -> Mapping[str, Iterable[Named]]:
        files = {
            path.stem: listed.root / path for path in listed.keep(_is_of_lines, "not SPLIT.jsonl")
        }
        if not files:
            raise UsageError(f"{listed.root} has no train.jsonl, validation.jsonl or test.jsonl.")
        return {split: _lines(path) for split, path in files.items()}

    def read(self, item: tuple[int, bytes]) -> Iterator[tuple[int, dict]]:
        number, line = item
        try:
            yield number, moment(json.loads(line))
        except (ValueError, KeyError, TypeError, OverflowError) as error:
            raise PerceiverError(repr(error)) from error


def _is_of_lines(path: PurePosixPath) -> bool:
    return len(path.parts) == 1 and path.suffix == ".jsonl"


def _lines(path: Path) -> Iterator[Named]:
    with open(path, "rb") as file:
        for number, line in enumerate(file, 1):
            if line.strip():
                yield f"{path.name}, line {number}", (number, line)


def moment(record: dict) -> dict:
    """One line as an example, padded with zeros.

    Raises:
      ValueError, KeyError, TypeError: it is not a moment, or too large.
    """
    rows = np.asarray(record["entities"], np.float32)
    if rows.ndim != 2 or len(rows) > MOST or rows.shape[1] > NUMBERS:
        raise ValueError(f"entities {list(rows.shape)}; at most {MOST} rows of {NUMBERS} numbers")
    if not len(rows) or not np.isfinite(rows).all():
        raise ValueError("entities must be finite numbers, one row or more")
    target, won = record["target"], record["won"]
    if target != int(target) or not 0 <= target < len(rows):
        raise ValueError(f"target {target!r} is not one of {len(rows)} rows")
    if won not in (0, 1):
        raise ValueError(f"won is {won!r}; expected 0 or 1")
    entities = np.zeros((MOST, NUMBERS), np.float32)
    entities[: len(rows), : rows.shape[1]] = rows
    mask = (np.arange(MOST) < len(rows)).astype(np.int64)
    return {
        "entities": entities,
        "mask": mask,
        "label": [int(target), int(won)],
    }
