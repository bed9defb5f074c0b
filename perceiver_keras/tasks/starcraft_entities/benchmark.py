"""Moments of replays: how often the model finds the action's target and the winner, for weights of one's own."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import numpy as np
import tensorflow as tf
from tensorflow import keras

from perceiver_keras.data.builders.starcraft_replays.starcraft_replays_dataset_builder import moment
from perceiver_keras.errors import PerceiverError, UsageError
from perceiver_keras.metrics.columns import ColumnMetric, ColumnRatio
from perceiver_keras.tasks.starcraft_entities.metrics import METRICS, columns
from perceiver_keras.tasks.starcraft_entities.presets import StarcraftEntitiesConfig

FILES = ("test.jsonl", "validation.jsonl")
OUTCOMES = ("lost", "won")


def open_benchmark(name: str, data: Path, options: Mapping[str, str]) -> ReplayBenchmark:
    """The moments in a folder's test.jsonl, or else in its validation.jsonl.

    Raises:
      UsageError: there is neither, or no moment.
    """
    for file in FILES:
        if (data / file).is_file():
            return ReplayBenchmark(data / file)
    raise UsageError(f"{data} has neither {' nor '.join(FILES)}.")


class ReplayBenchmark:
    """A `reproduce.Protocol`. Rows are whether target and winner are right, 1, and the outcome.

    Lines are found once, and read when they are asked for: a file of replays is larger than memory.
    """

    at_once = 32

    def __init__(self, path: Path):
        self._path = path
        self._places = dict(_lines(path))
        self.keys = list(self._places)
        if not self.keys:
            raise UsageError(f"{path} has no moments.")

    def rows(
        self, model: keras.Model, config: StarcraftEntitiesConfig, keys: Sequence[str]
    ) -> np.ndarray:
        """[len(keys), 4].

        Raises:
          PerceiverError: a line is not a moment, or has more numbers per entity than the model takes.
        """
        moments = [self._read(key, len(config.model.features)) for key in keys]
        most = max(
            int(one["mask"].sum()) for one in moments
        )  # what follows is padding in all of them
        inputs = {
            "entities": tf.constant(
                np.stack([m["entities"][:most, : len(config.model.features)] for m in moments])
            ),
            "mask": tf.constant(np.stack([m["mask"][:most] for m in moments])),
        }
        labels = np.array([m["label"] for m in moments])
        targets = {"target": tf.constant(labels[:, 0]), "won": tf.constant(labels[:, 1])}
        right = columns(targets, model(inputs, training=False)).numpy()[:, : len(METRICS) + 1]
        return np.concatenate([right, labels[:, 1:]], axis=1)

    def group(self, key: str) -> str:
        """Not known before a line is read: `parts` goes by the rows."""
        return ""

    def column_metrics(self, config: StarcraftEntitiesConfig) -> list[ColumnMetric]:
        return [ColumnRatio(i, len(METRICS), name) for i, name in enumerate(METRICS)]

    def parts(
        self, config: StarcraftEntitiesConfig, rows: Mapping[str, Sequence[float]]
    ) -> dict[str, dict[str, float]]:
        """The metrics of moments of battles that were won, and of those that were lost."""
        table = np.array(list(rows.values()), np.float64)
        found = {}
        for outcome in np.unique(table[:, -1]).astype(int):
            means = table[table[:, -1] == outcome][:, : len(METRICS)].mean(0)
            found[OUTCOMES[outcome]] = dict(zip(METRICS, means.tolist(), strict=True))
        return found

    def _read(self, key: str, most: int) -> Mapping[str, np.ndarray]:
        with self._path.open("rb") as file:
            file.seek(self._places[key])
            line = file.readline()
        try:
            found = moment(json.loads(line))
        except (ValueError, KeyError, TypeError, OverflowError) as error:
            raise PerceiverError(f"{self._path.name}, {key}: not a moment ({error!r}).") from None
        if found["entities"][:, most:].any():
            raise PerceiverError(
                f"{self._path.name}, {key}: entities have more numbers than the model takes, {most}."
            )
        return found


def _lines(path: Path) -> Iterator[tuple[str, int]]:
    """("line 1", the place of its first byte), and so on, for each line that is not empty."""
    place = 0
    with path.open("rb") as file:
        for number, line in enumerate(file, 1):
            if line.strip():
                yield f"line {number}", place
            place += len(line)
