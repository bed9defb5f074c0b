"""From a user's videos to TFDS records: what the data sets made from video files share."""

from __future__ import annotations

import hashlib
import io
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import tensorflow as tf
import tensorflow_datasets as tfds

from perceiver_keras.data import audio
from perceiver_keras.data.video import clips
from perceiver_keras.errors import UsageError

# Names of the folders of splits, ours first; Kinetics says val.
SPLITS = {"train": ("train",), "validation": ("validation", "val"), "test": ("test",)}
SAMPLES = clips.SOUND_RATE // clips.FRAMES_PER_SECOND  # per frame


def manual_folder(dl_manager: Any, name: str) -> Path:
    """Where the user put the files: the folder `name` in TFDS's folder for manual data, or else that folder itself."""
    root = Path(dl_manager.manual_dir)
    return root / name if (root / name).is_dir() else root


def videos_by_split(root: Path) -> dict[str, list[tuple[str, Path]]]:
    """(class, video) pairs of each split: from folders train, validation (val) and test if any, else by a hash.

    Raises:
      UsageError: no video lies in a folder of a class.
    """
    named = {
        split: next((root / name for name in names if (root / name).is_dir()), None)
        for split, names in SPLITS.items()
    }
    if any(named.values()):
        found = {split: _videos(folder) for split, folder in named.items() if folder}
    else:
        found = {split: [] for split in SPLITS}
        for label, path in _videos(root):
            found[_split_of(path)].append((label, path))
    found = {split: videos for split, videos in found.items() if videos}
    if not found:
        raise UsageError(
            f"{root} holds no videos as CLASS/VIDEO.mp4 or SPLIT/CLASS/VIDEO.mp4, SPLIT being "
            f"{', '.join(SPLITS)}."
        )
    return found


def _videos(folder: Path) -> list[tuple[str, Path]]:
    paths = (path for path in folder.glob("*/*") if path.is_file() and clips.is_video(path))
    return [(path.parent.name, path) for path in sorted(paths)]


def _split_of(path: Path) -> str:
    """80 %, 10 % and 10 %, by the video's name: the same on every machine."""
    place = int(hashlib.sha256(path.name.encode()).hexdigest(), 16) % 10
    return ("test", "validation")[place] if place < 2 else "train"


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
