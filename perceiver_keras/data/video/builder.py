"""From a user's videos to TFDS records: what the data sets made from video files share."""

from __future__ import annotations

import io
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import tensorflow as tf
import tensorflow_datasets as tfds

from perceiver_keras.data import audio
from perceiver_keras.data.own.files import Listing
from perceiver_keras.data.own.found import shown
from perceiver_keras.data.own.splits import SPLITS, split_named
from perceiver_keras.data.video import clips
from perceiver_keras.errors import UsageError

SAMPLES = clips.SOUND_RATE // clips.FRAMES_PER_SECOND  # per frame


class Video(NamedTuple):
    """A file with its class; `split` is None if no folder says it."""

    name: str
    path: Path
    label: str
    split: str | None


def find_videos(listed: Listing) -> list[Video]:
    """Videos as CLASS/VIDEO, or as SPLIT/CLASS/VIDEO with the usual names of splits; others are counted as passed over.

    Raises:
      UsageError: no video lies in a folder of a class.
    """
    paths = listed.keep(clips.is_video, "not videos")
    in_splits = [path for path in paths if len(path.parts) == 3 and split_named(path.parts[0])]
    in_classes = [path for path in paths if len(path.parts) == 2]
    # Folders train/ and test/ without folders of classes in them are no classes.
    if in_splits or all(split_named(path.parts[0]) for path in in_classes):
        in_classes = []
    found = [
        Video(
            shown(path),
            listed.root / path,
            path.parts[-2],
            split_named(path.parts[0]) if in_splits else None,
        )
        for path in in_splits or in_classes
    ]
    if not found:
        raise UsageError(
            f"{listed.root} holds no videos as CLASS/VIDEO.mp4 or SPLIT/CLASS/VIDEO.mp4, SPLIT being "
            f"{', '.join(SPLITS)}."
        )
    if others := len(paths) - len(found):
        listed.passed["in no folder of a class"] += others
    return found


def windows(path: Path, frames: int, most: int | None) -> Iterator[dict[str, Any]]:
    """Consecutive windows of `frames` frames, at most `most`: `frames` (JPEG) and `audio` (WAV, 48 kHz) of each.

    A video shorter than a window is padded with its last frame and silence.
    """
    seconds = clips.MOST_SECONDS if most is None else most * frames / clips.FRAMES_PER_SECOND
    clip = clips.read_video(path, seconds, cut=True)
    count = max(len(clip.frames) // frames, 1)
    samples = np.zeros(count * frames * SAMPLES, np.float32)
    if clip.sound:
        wav = tf.constant(clip.sound)
        samples = audio.decode_wav(wav, len(samples), clips.SOUND_RATE).numpy()
    for start in range(0, count * frames, frames):
        chosen = [clip.frames[min(i, len(clip.frames) - 1)] for i in range(start, start + frames)]
        sound = samples[start * SAMPLES : (start + frames) * SAMPLES]
        yield {
            "frames": [io.BytesIO(_as_jpeg(frame)) for frame in chosen],
            "audio": audio.encode_wav(sound, clips.SOUND_RATE),
        }


def _as_jpeg(encoded: bytes) -> bytes:
    return tf.io.encode_jpeg(tf.io.decode_image(encoded, 3), quality=95).numpy()


def features(frames: int, label: Any) -> tfds.features.FeaturesDict:
    picture = tfds.features.Image(shape=(None, None, 3), encoding_format="jpeg")
    return tfds.features.FeaturesDict(
        {
            "frames": tfds.features.Sequence(picture, length=frames),
            "audio": tfds.features.Tensor(shape=(), dtype=np.object_),  # a WAV
            "label": label,
        }
    )
