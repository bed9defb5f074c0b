"""Kinetics by the protocol of the paper's Tab. 4: clips are reconstructed with the label masked."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import numpy as np
import tensorflow as tf
from tensorflow import keras

from perceiver_keras.data import audio
from perceiver_keras.data.video import clips, kinetics
from perceiver_keras.errors import PerceiverError, UsageError, nearest
from perceiver_keras.tasks.multimodal_autoencoding.data import sample_rate, to_input
from perceiver_keras.tasks.multimodal_autoencoding.metrics import columns
from perceiver_keras.tasks.multimodal_autoencoding.presets import MultimodalAutoencodingConfig

WINDOWS = ("first", "middle", "all")


def open_benchmark(name: str, data: Path, options: Mapping[str, str]) -> KineticsBenchmark:
    """The clips that the folder's CSV lists.

    Raises:
      UsageError: there is no such window, or the folder has a different layout.
    """
    window = options["window"]
    if window not in WINDOWS:
        raise UsageError(f"There is no window {window!r}.{nearest(window, WINDOWS)}")
    return KineticsBenchmark(kinetics.find(data), window)


class KineticsBenchmark:
    """A `reproduce.Protocol`. Rows are those of `metrics.columns`, with `window="all"` their mean over a clip.

    Frames are not compressed again, so that PSNR compares with what the file holds.
    """

    at_once = 1

    def __init__(self, found: kinetics.Kinetics, window: str):
        self._clips = {clip.name: clip for clip in found.clips}
        self._labels, self._window = found.labels, window
        self.facts = {"list": found.file.name, "listed": found.listed}
        self.keys = list(self._clips)

    def rows(
        self, model: keras.Model, config: MultimodalAutoencodingConfig, keys: Sequence[str]
    ) -> np.ndarray:
        """[len(keys), 49].

        Raises:
          PerceiverError: a clip can't be decoded.
          UsageError: the model sees the label, or its classes are not known by name.
        """
        if config.model.inference_mask_probs.get("label", 0.0) != 1.0:
            raise UsageError(
                "The weights belong to a model that sees the label: its inference_mask_probs.label is not 1."
            )
        places = self._places(getattr(model, "labels", None), config.model.num_classes)
        return np.stack([self._row(model, config, self._clips[key], places) for key in keys])

    def group(self, key: str) -> str:
        return self._clips[key].label

    def _places(self, named: Sequence[str] | None, num_classes: int) -> Mapping[str, int]:
        """Label -> the model's class: by the names that the model has, or in sorted order if the CSVs have them all."""
        for names in (named or (), self._labels):
            if len(names) == num_classes and set(self._labels) <= set(names):
                return {name: place for place, name in enumerate(names)}
        raise UsageError(
            f"The CSV files name {len(self._labels)} labels; the model has {num_classes} classes, without names. Put "
            "a CSV next to them that has all labels, such as train.csv."
        )

    def _row(
        self,
        model: keras.Model,
        config: MultimodalAutoencodingConfig,
        clip: kinetics.Clip,
        places: Mapping[str, int],
    ) -> np.ndarray:
        rows = []
        for frames, sound in self._windows(clip.path, config):
            inputs = to_input(frames, sound, config)
            # In a graph: all outputs of a clip are decoded in hundreds of chunks.
            outputs = model.predict_on_batch({name: part[None] for name, part in inputs.items()})
            targets = {"image": frames[None], "audio": sound[None], "label": [places[clip.label]]}
            rows.append(columns(targets, outputs).numpy()[0])
        return np.mean(rows, axis=0)

    def _windows(
        self, path: Path, config: MultimodalAutoencodingConfig
    ) -> Iterator[tuple[tf.Tensor, tf.Tensor]]:
        """Frames [T, H, W, 3] and samples [S] of the windows of a clip; a short one is held, and silence follows."""
        m = config.model
        try:
            clip = clips.read_video(path, cut=True)
        except PerceiverError as error:
            raise PerceiverError(f"{path}: {error}") from None
        size, total = m.num_frames, max(len(clip.frames), m.num_frames)
        encoded = [*clip.frames, *clip.frames[-1:] * (total - len(clip.frames))]
        each = m.audio_samples // size
        samples = tf.zeros([total * each])
        if clip.sound:
            samples = audio.decode_wav(tf.constant(clip.sound), total * each, sample_rate(config))
        starts = {
            "first": [0],
            "middle": [(total - size) // 2],
            "all": range(0, total - size + 1, size),
        }
        for start in starts[self._window]:
            frames = clips.decode_frames(tf.constant(encoded[start : start + size]), m.image_size)
            yield frames, samples[start * each : start * each + m.audio_samples]
