"""AudioSet's mAP by the paper's protocol: 16 overlapping windows of each evaluation clip, probabilities averaged."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import tensorflow as tf
from tensorflow import keras

from perceiver_keras.data import audio
from perceiver_keras.data.builders.audioset_folder import (
    audioset_folder_dataset_builder as audioset,
)
from perceiver_keras.data.own.files import files_below
from perceiver_keras.data.video import clips
from perceiver_keras.errors import PerceiverError, UsageError
from perceiver_keras.metrics.average_precision import BinnedAveragePrecision
from perceiver_keras.metrics.columns import ColumnMetric
from perceiver_keras.tasks.audio_classification.presets import AudioClassificationConfig
from perceiver_keras.tasks.audio_classification.serve import serve

WINDOWS = 16
SECONDS = 10.0
SEGMENTS = audioset.SEGMENTS["test"][0]


def open_benchmark(name: str, data: Path, options: Mapping[str, str]) -> AudioSetBenchmark:
    """The clips in `clips/` that `eval_segments.csv` lists.

    Raises:
      UsageError: the folder has another layout.
      PerceiverError: a file of it is damaged.
    """
    mids, names = audioset.classes(data / audioset.NAMES)
    if not (data / SEGMENTS).is_file():
        raise UsageError(f"{data} lacks {SEGMENTS}; get it from research.google.com/audioset.")
    files = {path.stem: path for path in files_below(data / "clips")}
    places = {mid: place for place, mid in enumerate(mids)}
    listed = dict(audioset.segments(data / SEGMENTS))
    found = {
        name: (files[name], [places[mid] for mid in heard if mid in places])
        for name, heard in listed.items()
        if name in files
    }
    if not found:
        raise UsageError(f"{data}: no clip in clips/ is named in {SEGMENTS}.")
    return AudioSetBenchmark(found, names, len(listed))


class AudioSetBenchmark:
    """A `reproduce.Protocol`. Rows are the logits of the mean probabilities, then the truths, [2 classes]."""

    at_once = 1

    def __init__(
        self, found: Mapping[str, tuple[Path, Sequence[int]]], names: Sequence[str], listed: int
    ):
        self.facts = {"list": SEGMENTS, "listed": listed}
        self._clips, self._names = dict(sorted(found.items())), names
        self.keys = list(self._clips)

    def rows(
        self, model: keras.Model, config: AudioClassificationConfig, keys: Sequence[str]
    ) -> np.ndarray:
        """[len(keys), 2 classes].

        Raises:
          PerceiverError: a clip can't be decoded.
          UsageError: the model has other classes.
        """
        if config.model.num_classes != len(self._names):
            raise UsageError(
                f"The weights know {config.model.num_classes} classes; {audioset.NAMES} has {len(self._names)}."
            )
        data = dataclasses.replace(config.data, windows=WINDOWS)
        config = dataclasses.replace(config, data=data)
        return np.stack([self._row(model, config, *self._clips[key]) for key in keys])

    def group(self, key: str) -> str:
        """A clip has several classes: `parts` goes by them."""
        return ""

    def column_metrics(self, config: AudioClassificationConfig) -> list[ColumnMetric]:
        return [BinnedAveragePrecision(config.model.num_classes)]

    def parts(
        self, config: AudioClassificationConfig, rows: Mapping[str, Sequence[float]]
    ) -> dict[str, dict[str, float]]:
        """The average precision of each class that a clip has, and how many have it."""
        table = np.array(list(rows.values()), np.float32)
        count = len(self._names)
        found = {}
        for place, name in enumerate(self._names):
            truths = table[:, count + place]
            if truths.any():
                one = BinnedAveragePrecision(1)
                one.update_state(None, np.stack([table[:, place], truths], axis=-1))
                found[name] = {
                    "mean_average_precision": float(one.result()),
                    "clips": float(truths.sum()),
                }
        return found

    def _row(
        self,
        model: keras.Model,
        config: AudioClassificationConfig,
        path: Path,
        labels: Sequence[int],
    ) -> np.ndarray:
        raw: dict[str, Any]
        try:
            if config.model.film is None:
                raw = {"audio_bytes": [audio.as_wav(path, clips.SOUND_RATE, SECONDS)]}
            else:
                clip = clips.read_video(path, SECONDS, cut=True)
                sound = clip.sound or audio.encode_wav(np.zeros(1), clips.SOUND_RATE)
                raw = {"audio_bytes": [sound], "frames_bytes": [list(clip.frames)]}
        except PerceiverError as error:
            raise PerceiverError(f"{path}: {error}") from None
        said = serve(model, raw, config, None)["probabilities"][0]
        certain = tf.clip_by_value(tf.cast(said, tf.float64), 1e-15, 1 - 1e-15)
        logits = tf.cast(tf.math.log(certain) - tf.math.log1p(-certain), tf.float32)
        truths = np.zeros(len(self._names), np.float32)
        truths[list(labels)] = 1.0
        return np.concatenate([logits.numpy(), truths])
