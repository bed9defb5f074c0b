"""Moments of a user's replays as a TFDS data set, read from JSON lines."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import tensorflow_datasets as tfds

from perceiver_keras.errors import PerceiverError, UsageError

MOST, NUMBERS = 512, 256  # entities per moment, numbers per entity


class Builder(tfds.core.GeneratorBasedBuilder):
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

    def _split_generators(self, dl_manager: tfds.download.DownloadManager):
        root = Path(dl_manager.manual_dir)
        root = root / self.name if (root / self.name).is_dir() else root
        files = {path.stem: path for path in sorted(root.glob("*.jsonl"))}
        if not files:
            raise UsageError(f"{root} has no train.jsonl, validation.jsonl or test.jsonl.")
        return {split: self._generate_examples(path) for split, path in files.items()}

    def _generate_examples(self, path: Path) -> Iterator[tuple[int, dict]]:
        with open(path, encoding="utf-8") as file:
            for number, line in enumerate(file, 1):
                try:
                    yield number, moment(json.loads(line))
                except (ValueError, KeyError, TypeError) as error:
                    raise PerceiverError(f"{path}, line {number}: {error!r}") from error


def moment(record: dict) -> dict:
    """One line as an example, padded with zeros.

    Raises:
      ValueError, KeyError, TypeError: it is not a moment, or too large.
    """
    rows = np.asarray(record["entities"], np.float32)
    if rows.ndim != 2 or len(rows) > MOST or rows.shape[1] > NUMBERS:
        raise ValueError(f"entities {list(rows.shape)}; at most {MOST} rows of {NUMBERS} numbers")
    entities = np.zeros((MOST, NUMBERS), np.float32)
    entities[: len(rows), : rows.shape[1]] = rows
    mask = (np.arange(MOST) < len(rows)).astype(np.int64)
    return {
        "entities": entities,
        "mask": mask,
        "label": [int(record["target"]), int(record["won"])],
    }
