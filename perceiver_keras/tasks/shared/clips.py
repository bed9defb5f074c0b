"""Clips as users have them: videos, and folders of images with a sound."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from perceiver_keras.data import audio
from perceiver_keras.data.video.clips import (
    SOUND_RATE,
    Clip,
    is_clip_folder,
    read_folder,
    read_video,
)
from perceiver_keras.errors import PerceiverError, UsageError
from perceiver_keras.tasks.contract.requests import Request, expand, read
from perceiver_keras.tasks.shared import inputs, pictures

TAKES = "the path, bytes or open file of a video, the path of a folder of images, pixels [T, H, W, C], or a Clip"


def is_clip(value: Any) -> bool:
    """Whether it is meant as one clip."""
    words = (Clip, str, bytes, os.PathLike)
    return isinstance(value, words) or inputs.is_numbers(value) or inputs.is_file(value)


def to_clip(clip: Any) -> Clip:
    """A video's path, bytes or open file, a folder's path, or pixels [T, H, W, C] as a `Clip`; a `Clip` as it is.

    Pixels are as `pictures.TAKES` says.

    Raises:
      PerceiverError: it is none of these, or can't be read.
    """
    clip = inputs.plain(clip)
    if isinstance(clip, Clip):
        return clip
    if isinstance(clip, bytes) or inputs.is_file(clip):
        return read_video(inputs.bytes_of(clip, "the video"))
    if inputs.is_numbers(clip) and clip.ndim == 4:
        names = inputs.numbered("frame", len(clip))
        frames = zip(clip, names, strict=True)
        return Clip(tuple(pictures.to_bytes(frame, name) for frame, name in frames))
    if not isinstance(clip, (str, os.PathLike)):
        raise UsageError(f"Expected {TAKES}; got {inputs.kind_of(clip)}.")
    path = Path(clip)
    if not path.exists():
        raise PerceiverError(f"{path} does not exist; name a video or a folder of images.")
    return read_folder(path) if path.is_dir() else read_video(path)


def requests(names: Sequence[str]) -> Iterator[Request]:
    """One request per video. A folder of images (and a sound) is one clip; any other folder stands for its videos."""
    found: list[str] = []
    for name in names:
        folder = Path(name) if Path(name).is_dir() else None
        one = folder is not None and is_clip_folder(folder)
        found += [name] if one else expand([name])
    for name in found or expand(names):
        try:
            if name == "-":
                given = read(name)
                yield given if given.error else Request(name, to_clip(given.content))
            else:
                yield Request(name, to_clip(name))
        except PerceiverError as error:
            yield Request(name, None, str(error))


def pack(contents: Sequence[Any]) -> dict[str, np.ndarray]:
    """Clips of the same number of frames as `serving_default` takes them.

    Raises:
      PerceiverError: their numbers of frames differ, or a clip can't be read.
    """
    clips = [to_clip(content) for content in contents]
    if len({len(clip.frames) for clip in clips}) > 1:
        raise PerceiverError("Clips of different lengths can't be served together.")
    silence = audio.encode_wav(np.zeros(0), SOUND_RATE)
    return {
        "frames_bytes": np.array([list(clip.frames) for clip in clips], dtype=object),
        "audio_bytes": np.array([clip.sound or silence for clip in clips], dtype=object),
    }
