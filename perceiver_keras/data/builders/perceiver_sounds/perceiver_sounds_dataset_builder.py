"""Mixtures of synthetic sounds with several labels at once as a TFDS data set: no download, no network."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import tensorflow_datasets as tfds

from perceiver_keras.data import audio

RATE, SAMPLES = 8000, 5120  # samples per second and per sound: 0.64 s
MOST = 3  # labels per example; unused places hold -1
KINDS = (
    *("low tone", "high tone", "rising chirp", "falling chirp"),
    *("hiss", "rumble", "clicks", "tremolo"),
)


def draw(rng: np.random.Generator, kind: str) -> np.ndarray:
    """One sound of a kind, float64 [SAMPLES], silent before and after; its amplitude is about 0.1 to 0.4."""
    length = int(rng.integers(SAMPLES // 2, SAMPLES))
    t = np.arange(length) / RATE
    phase = rng.uniform(0, 2 * np.pi)
    if kind == "low tone":
        sound = np.sin(2 * np.pi * rng.uniform(150, 350) * t + phase)
    elif kind == "high tone":
        sound = np.sin(2 * np.pi * rng.uniform(1400, 2600) * t + phase)
    elif kind.endswith("chirp"):
        low, high = rng.uniform(300, 600), rng.uniform(1600, 3000)
        start, end = (low, high) if kind == "rising chirp" else (high, low)
        sound = np.sin(2 * np.pi * (start * t + (end - start) * t**2 / (2 * t[-1])) + phase)
    elif kind == "hiss":
        sound = np.diff(rng.normal(size=length + 1)) / 1.5
    elif kind == "rumble":
        sound = np.convolve(rng.normal(size=length), np.ones(40) / 6.3, "same")
    elif kind == "clicks":
        sound = np.zeros(length)
        every = int(rng.integers(400, 800))
        for start in range(int(rng.integers(every)), length - 20, every):
            sound[start : start + 20] = 2 * rng.normal(size=20)
    else:  # tremolo
        beat = 0.5 - 0.5 * np.cos(2 * np.pi * rng.uniform(12, 22) * t)
        sound = beat * np.sin(2 * np.pi * rng.uniform(600, 1100) * t + phase)
    edge = np.minimum(np.minimum(t, t[::-1]) / 0.01, 1)  # no click at its ends
    whole = np.zeros(SAMPLES)
    start = int(rng.integers(SAMPLES - length + 1))
    whole[start : start + length] = rng.uniform(0.1, 0.3) * sound * edge
    return whole


class Builder(tfds.core.GeneratorBasedBuilder):
    """Mixtures of one to three kinds of sound, and which kinds they are."""

    VERSION = tfds.core.Version("1.0.0")
    RELEASE_NOTES = {"1.0.0": "First release."}
    COUNTS = {"train": 2400, "validation": 200, "test": 400}

    def _info(self) -> tfds.core.DatasetInfo:
        names = tfds.features.ClassLabel(names=list(KINDS))
        return self.dataset_info_from_configs(
            features=tfds.features.FeaturesDict(
                {
                    "audio": tfds.features.Tensor(shape=(), dtype=np.object_),  # a WAV
                    "label": tfds.features.Sequence(names, length=MOST),
                }
            ),
            homepage="https://arxiv.org/abs/2107.14795",
        )

    def _split_generators(self, dl_manager: tfds.download.DownloadManager):
        return {
            split: self._generate_examples(number, count)
            for number, (split, count) in enumerate(self.COUNTS.items())
        }

    def _generate_examples(self, seed: int, count: int) -> Iterator[tuple[int, dict]]:
        rng = np.random.default_rng([1703, seed])
        for key in range(count):
            kinds = rng.choice(len(KINDS), int(rng.integers(1, MOST + 1)), replace=False)
            sound = rng.normal(scale=0.003, size=SAMPLES)
            for kind in kinds:
                sound = sound + draw(rng, KINDS[kind])
            labels = [*map(int, sorted(kinds)), *[-1] * (MOST - len(kinds))]
            yield key, {"audio": audio.encode_wav(sound, RATE), "label": labels}
