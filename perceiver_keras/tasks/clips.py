"""Clips as users have them, in and out: films, folders of pictures, reconstructions for people."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from perceiver_keras.data import audio, video
from perceiver_keras.errors import PerceiverError
from perceiver_keras.tasks.requests import Request, expand, read

Clip = video.Clip


def to_clip(clip: Any) -> Clip:
    """A film's path or bytes, a folder's path, or a `Clip` as it is.

    Raises:
      PerceiverError: it is none of these, or can't be read.
    """
    if isinstance(clip, Clip):
        return clip
    if isinstance(clip, bytes):
        with tempfile.NamedTemporaryFile() as file:  # many formats have their index at the end
            file.write(clip)
            file.flush()
            return video.read_film(file.name)
    path = Path(os.fspath(clip))
    if not path.exists():
        raise PerceiverError(f"{path} does not exist; name a film or a folder of pictures.")
    return video.read_folder(path) if path.is_dir() else video.read_film(path)


def requests(names: Sequence[str]) -> Iterator[Request]:
    """Films, one a request; a folder of pictures (and a sound) is one clip, any other folder its films."""
    found: list[str] = []
    for name in names:
        folder = Path(name) if Path(name).is_dir() else None
        one = folder is not None and video.is_clip_folder(folder)
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


def as_inputs(contents: Sequence[Any]) -> dict[str, np.ndarray]:
    """Clips of one length as `serving_default` takes them."""
    clips = [to_clip(content) for content in contents]
    if len({len(clip.frames) for clip in clips}) > 1:
        raise PerceiverError("Clips of different lengths can't be asked about together.")
    silence = audio.encode_wav(np.zeros(0), video.SOUND_RATE)
    return {
        "frames_bytes": np.array([list(clip.frames) for clip in clips], dtype=object),
        "audio_bytes": np.array([clip.sound or silence for clip in clips], dtype=object),
    }


def film_of(outputs: Mapping[str, np.ndarray]) -> bytes:
    """The reconstruction of one clip, {"video", "audio"}, as an MP4 with sound."""
    frames, sound = np.asarray(outputs["video"]), np.asarray(outputs["audio"])
    return video.to_mp4(frames, sound, len(sound) * video.FRAMES_PER_SECOND // len(frames))


def sound_of(outputs: Mapping[str, np.ndarray]) -> bytes:
    """The reconstructed sound of one clip as a WAV."""
    frames, sound = np.asarray(outputs["video"]), np.asarray(outputs["audio"])
    return audio.encode_wav(sound, len(sound) * video.FRAMES_PER_SECOND // len(frames))


def picture(
    contents: Sequence[Clip], outputs: Sequence[Mapping[str, np.ndarray]], answers: Sequence[Any]
) -> Any:
    """Frames of each clip beside their reconstructions, and the sounds."""
    import tensorflow as tf

    from perceiver_keras.show import clips as drawn

    rows = []
    for clip, numbers, answer in zip(contents, outputs, answers, strict=True):
        frames, sound = np.asarray(numbers["video"]), np.asarray(numbers["audio"])
        given = video.decode_frames(tf.constant(clip.frames[: len(frames)]), frames.shape[1:3])
        heard = np.zeros(len(sound), np.float32)
        if clip.sound:
            rate = len(sound) * video.FRAMES_PER_SECOND // len(frames)
            heard = audio.decode_wav(tf.constant(clip.sound), len(sound), rate).numpy()
        title = "  ".join(f"{entry['label']} {entry['score']:.0%}" for entry in answer[:3])
        rows.append(drawn.Row(given.numpy(), frames, heard, sound, title))
    return drawn.reconstructions(rows)
