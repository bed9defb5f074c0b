"""Clips of events that are heard, seen, or only told by both together, as a TFDS data set: no download, no network."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator

import numpy as np
import tensorflow_datasets as tfds

from perceiver_keras.data import audio
from perceiver_keras.data.builders.perceiver_clips.perceiver_clips_dataset_builder import (
    RATE,
    SAMPLES,
    SHAPES,
    render,
)

FRAMES, SIDE = 8, 16
LENGTH = FRAMES * SAMPLES  # samples of a clip
MOST = 3  # labels per example; unused places hold -1
HEARD = ("rising chirp", "falling chirp", "hiss", "buzz")
SEEN = tuple(f"silent {shape}" for shape in SHAPES)
BOTH = tuple(f"calling {shape}" for shape in SHAPES)
NAMES = (*HEARD, *SEEN, *BOTH)
NOISE = 0.02  # standard deviation of the noise under all sounds


def heard(rng: np.random.Generator, kind: str) -> np.ndarray:
    """One sound, float64 [LENGTH], silent before and after; its amplitude is about 0.05 to 0.2.

    `kind` is one of `HEARD`, or "call": two tones one after the other, the same of all shapes.
    """
    size = int(rng.integers(LENGTH // 2, LENGTH))
    t = np.arange(size) / RATE
    phase, pitch = rng.uniform(0, 2 * np.pi), rng.uniform(500, 900)
    if kind.endswith("chirp"):
        ends = np.array([pitch, pitch * rng.uniform(1.6, 2.4)])[
            :: 1 if kind == "rising chirp" else -1
        ]
        sound = np.sin(2 * np.pi * (ends[0] * t + (ends[1] - ends[0]) * t**2 / (2 * t[-1])) + phase)
    elif kind == "hiss":
        sound = np.diff(rng.normal(size=size + 1)) / 1.5
    elif kind == "buzz":  # many harmonics of a low tone
        sound = sum(np.sin(n * (2 * np.pi * pitch / 6 * t + phase)) for n in range(1, 9)) / 3
    else:
        tones = np.where(t < t[-1] / 2, pitch, pitch * 1.33)
        sound = np.sin(2 * np.pi * np.cumsum(tones) / RATE + phase)
    edge = np.minimum(np.minimum(t, t[::-1]) / 0.005, 1)  # no click at its ends
    whole = np.zeros(LENGTH)
    start = int(rng.integers(LENGTH - size + 1))
    whole[start : start + size] = rng.uniform(0.05, 0.2) * sound * edge
    return whole


def clip(rng: np.random.Generator) -> dict:
    """An example: frames uint8 [FRAMES, SIDE, SIDE, 3], a WAV, and the labels.

    A shape is silent or calls, each half of the time; on top there may be a sound that is only heard. So the sound
    alone can't tell which shape calls, and frames alone can't tell whether it does.
    """
    shape = int(rng.integers(len(SHAPES)))
    frames, _ = render(rng, shape, FRAMES, SIDE)
    sound = rng.normal(scale=NOISE, size=LENGTH)
    calls = rng.random() < 0.5
    labels = [NAMES.index(f"{'calling' if calls else 'silent'} {SHAPES[shape]}")]
    if calls:
        sound = sound + heard(rng, "call")
    if rng.random() < 0.7:
        kind = int(rng.integers(len(HEARD)))
        labels.append(kind)
        sound = sound + heard(rng, HEARD[kind])
    labels = sorted(labels) + [-1] * (MOST - len(labels))
    return {"frames": frames, "audio": audio.encode_wav(sound, RATE), "label": labels}


@dataclasses.dataclass
class EventsConfig(tfds.core.BuilderConfig):
    """How many clips each split has."""

    counts: dict[str, int] = dataclasses.field(default_factory=dict)


class Builder(tfds.core.GeneratorBasedBuilder):
    """Frames, their sound, and what happens in them."""

    VERSION = tfds.core.Version("1.0.0")
    RELEASE_NOTES = {"1.0.0": "First release."}
    BUILDER_CONFIGS = [
        EventsConfig(
            name="events",
            description="4,900 clips.",
            counts={"train": 4000, "validation": 300, "test": 600},
        ),
        EventsConfig(
            name="few",
            description="100 clips, to try things.",
            counts={"train": 60, "validation": 20, "test": 20},
        ),
    ]

    def _info(self) -> tfds.core.DatasetInfo:
        picture = tfds.features.Image(shape=(SIDE, SIDE, 3), encoding_format="png")
        names = tfds.features.ClassLabel(names=list(NAMES))
        return self.dataset_info_from_configs(
            features=tfds.features.FeaturesDict(
                {
                    "frames": tfds.features.Sequence(picture, length=FRAMES),
                    "audio": tfds.features.Tensor(shape=(), dtype=np.object_),  # a WAV
                    "label": tfds.features.Sequence(names, length=MOST),
                }
            ),
            homepage="https://arxiv.org/abs/2107.14795",
        )

    def _split_generators(self, dl_manager: tfds.download.DownloadManager):
        return {
            split: self._generate_examples(number, count)
            for number, (split, count) in enumerate(self.builder_config.counts.items())
        }

    def _generate_examples(self, seed: int, count: int) -> Iterator[tuple[int, dict]]:
        rng = np.random.default_rng([2010, seed])
        for key in range(count):
            yield key, clip(rng)
