"""Sintel and KITTI by their own protocols: every pair of the training set, at full size, in tiles."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
from tensorflow import keras

from perceiver_keras.config import TaskConfig
from perceiver_keras.data.flow import builder, folders
from perceiver_keras.data.flow.folders import FlowFiles
from perceiver_keras.errors import PerceiverError, UsageError, nearest
from perceiver_keras.postprocess.tiles import TILINGS
from perceiver_keras.tasks.optical_flow.metrics import columns


def open_benchmark(name: str, data: Path, options: Mapping[str, str]) -> FlowBenchmark:
    """The pairs of "sintel-clean", "sintel-final" or "kitti-2015" in a folder.

    Raises:
      UsageError: there is no such tiling, or the folder has a different layout.
    """
    tiling = options["tiling"]
    if tiling not in TILINGS:
        raise UsageError(f"There is no tiling {tiling!r}.{nearest(tiling, TILINGS)}")
    data_set, _, which = name.partition("-")
    pairs = folders.sintel(data, which) if data_set == "sintel" else folders.kitti_2015(data)
    return FlowBenchmark(pairs, tiling)


class FlowBenchmark:
    """A `reproduce.Protocol`. Pairs come one at a time, because their sizes may differ."""

    at_once = 1

    def __init__(self, pairs: Sequence[FlowFiles], tiling: str):
        self._pairs = {pair.name: pair for pair in pairs}
        self.keys = list(self._pairs)
        self._tiling = tiling

    def rows(self, model: keras.Model, config: TaskConfig, keys: Sequence[str]) -> np.ndarray:
        return np.concatenate([self._row(model, self._pairs[key]) for key in keys])

    def group(self, key: str) -> str:
        return self._pairs[key].group

    def _row(self, model: keras.Model, pair: FlowFiles) -> np.ndarray:
        predicted = model.predict_flow(pair.frame1, pair.frame2, self._tiling)
        target = read_target(pair)
        if target.shape[:2] != predicted.shape[:2]:
            raise PerceiverError(
                f"{pair.flow} has {target.shape[0]}x{target.shape[1]} pixels, its frames "
                f"{predicted.shape[0]}x{predicted.shape[1]}."
            )
        return columns(target[None], predicted[None]).numpy()


def read_target(pair: FlowFiles) -> np.ndarray:
    """The true flow in pixels, valid and occluded (0 or 1): float32 [H, W, 4], flow 0 where not valid.

    Raises:
      PerceiverError: a file is damaged.
    """
    true, valid, occluded = builder.read_target(pair)
    return np.concatenate([true, np.stack([valid, occluded], -1)], axis=-1).astype(np.float32)
