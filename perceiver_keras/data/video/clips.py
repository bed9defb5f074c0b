"""Clips: encoded frames with their sound, read from videos and folders; and videos written.

A clip has T frames at `FRAMES_PER_SECOND`, and its sound as a WAV. Pixels are float32 in [0, 1].
"""

from __future__ import annotations

import os
import re
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import numpy as np
import tensorflow as tf

from perceiver_keras.data import audio, ffmpeg, image
from perceiver_keras.data.own.files import left_over
from perceiver_keras.errors import PerceiverError

FRAMES_PER_SECOND = 25  # of the paper's clips; every video is converted to it
SOUND_RATE = 48_000  # samples per second, of the paper's clips; models of another rate resample
MOST_SECONDS = 60  # of a video: all its frames are held in memory at once
_SHORT_SIDE = 256  # pixels; the shorter side of larger videos is scaled down to it
PICTURES = {".png", ".jpg", ".jpeg", ".bmp"}
VIDEOS = {".mp4", ".mov", ".mkv", ".webm", ".avi", ".mpg", ".mpeg", ".m4v", ".ts", ".gif"}


class Clip(NamedTuple):
    """Encoded images in order, and a WAV that begins with the first of them (b"" for silence)."""

    frames: tuple[bytes, ...]
    sound: bytes = b""


class NoPictures(PerceiverError):
    """A file of which a clip was expected has none that move: a sound, perhaps with a cover."""


# === In the graph ===


def decode_frames(encoded: tf.Tensor, size: tuple[int, ...]) -> tf.Tensor:
    """Encoded images, string [T], to pixels [T, H, W, 3] in [0, 1]: centred crops, resized to `size`."""

    def one(frame: tf.Tensor) -> tf.Tensor:
        pixels = middle(image.decode_image(frame, 3), size[0] / size[1])
        return image.resize(pixels, size, antialias=True) / 255.0

    spec = tf.TensorSpec([*size, 3], tf.float32)
    return tf.map_fn(one, encoded, fn_output_signature=spec)


def middle(pixels: tf.Tensor, height_by_width: float) -> tf.Tensor:
    """The largest centred crop of [H, W, C] with that ratio of height to width."""
    sides = tf.cast(tf.shape(pixels)[:2], tf.float32)
    height = tf.minimum(sides[0], sides[1] * height_by_width)
    keep = tf.cast(tf.round([height, height / height_by_width]), tf.int32)
    keep = tf.clip_by_value(keep, 1, tf.shape(pixels)[:2])
    top = (tf.shape(pixels)[:2] - keep) // 2
    return tf.image.crop_to_bounding_box(pixels, top[0], top[1], keep[0], keep[1])


# === Videos and folders (Python, not a graph) ===


def read_video(
    path: str | os.PathLike[str] | bytes, seconds: float = MOST_SECONDS, cut: bool = False
) -> Clip:
    """A video file, or its content, as a clip: frames at 25 per second as PNG, and sound, or silence if it has none.

    Frames and sound keep their times, from the start of the earlier of the two.

    Raises:
      NoPictures: it has none.
      PerceiverError: not a video; cut or damaged; sound that can't be decoded; longer than `seconds` where `cut` does
        not allow to shorten it.
    """
    if not isinstance(path, bytes) and Path(path).is_fifo():
        path = Path(path).read_bytes()  # it is read twice, and a pipe gives its content once
    # Pixels that are not square become so; what no camera makes is a broken header.
    square = "scale='max(1,trunc(iw*clip(sar,0.25,4)+0.5))':ih,setsar=1"
    scale = (
        f"scale='if(lt(iw,ih),min(iw,{_SHORT_SIDE}),-2)':'if(lt(iw,ih),-2,min(ih,{_SHORT_SIDE}))'"
    )
    # Pictures that begin after the sound keep their time: the first one stands until then.
    rate = f"fps={FRAMES_PER_SECOND}:start_time=0"
    png = ["-c:v", "png", "-compression_level", "1", "-f", "image2pipe"]
    found = ffmpeg.decode(
        path, ["-map", "0:V:0?", "-vf", f"{rate},{square},{scale}", *png], ["-t", str(seconds + 1)]
    )
    frames = tuple(_split_png(found.data))
    if not found.has_pictures:
        raise NoPictures("it has no frames, only sound")
    if not frames:
        raise PerceiverError(
            f"it has no frames: ffmpeg decodes none ({found.damage or 'no reason'})"
        )
    most = int(seconds * FRAMES_PER_SECOND)
    if len(frames) > most and not cut:
        name = "video.mp4" if isinstance(path, bytes) else os.fspath(path)
        raise PerceiverError(
            f"longer than {seconds:g} s; cut it first: ffmpeg -i {name} -t {seconds:g} part.mp4"
        )
    wanted = found._replace(seconds=found.seconds and min(found.seconds, seconds))
    ffmpeg.check_whole(wanted, len(frames) / FRAMES_PER_SECOND, "pictures", not found.has_sound)
    ffmpeg.warn(found, "pictures")
    sound = audio.as_wav(path, SOUND_RATE, seconds) if found.has_sound else b""
    return Clip(frames[:most], sound)


def read_folder(folder: str | os.PathLike[str]) -> Clip:
    """A folder as a clip: its images, in the order of the numbers in their names, and its sound file if there is one.

    Raises:
      PerceiverError: no image, several sounds, or one that can't be decoded.
    """
    files = sorted((p for p in Path(folder).iterdir() if p.is_file()), key=by_number)
    files = [path for path in files if not left_over(path.name)]
    frames = [path.read_bytes() for path in files if path.suffix.lower() in PICTURES]
    sounds = [path for path in files if path.suffix.lower() not in PICTURES]
    if not frames:
        raise PerceiverError(f"{folder} has no images (.png, .jpg, .bmp), so it is not a clip.")
    if len(sounds) > 1:
        named = ", ".join(path.name for path in sounds)
        raise PerceiverError(f"{folder}: a clip has one sound file, but here are {named}.")
    try:
        return Clip(tuple(frames), audio.as_wav(sounds[0], SOUND_RATE) if sounds else b"")
    except PerceiverError as error:
        raise PerceiverError(f"{sounds[0].name}: {error}") from None


def is_clip_folder(folder: Path) -> bool:
    """Whether a folder holds the frames of one clip, not videos."""
    return any(
        path.suffix.lower() in PICTURES and path.is_file() and not left_over(path.name)
        for path in folder.iterdir()
    )


def is_video(path: str | os.PathLike[str]) -> bool:
    """Whether the suffix is that of a video, not of a sound."""
    return Path(path).suffix.lower() in VIDEOS


def to_mp4(frames: np.ndarray, sound: np.ndarray | None = None, rate: int = SOUND_RATE) -> bytes:
    """Pixels [T, H, W, 3] in [0, 1], and samples [S] at `rate`, as an MP4 (H.264, AAC) at 25 frames per second.

    Small frames are enlarged by a whole factor, so that players show them.
    """
    pixels = np.rint(np.clip(frames, 0, 1) * 255).astype(np.uint8)
    height, width = pixels.shape[1:3]
    times = max(1, 128 // min(height, width))
    with tempfile.TemporaryDirectory() as folder:
        arguments = [
            *("-f", "rawvideo", "-pix_fmt", "rgb24", "-s", f"{width}x{height}"),
            *("-r", str(FRAMES_PER_SECOND), "-i", "-"),
        ]
        if sound is not None:
            wav = Path(folder, "sound.wav")
            wav.write_bytes(audio.encode_wav(sound, rate))
            arguments += [*ffmpeg.file(wav), "-c:a", "aac", "-ar", str(SOUND_RATE)]
        even = f"scale={2 * (width * times // 2)}:{2 * (height * times // 2)}:flags=neighbor"
        video = Path(folder, "video.mp4")
        arguments += ["-vf", even, "-c:v", "libx264", "-pix_fmt", "yuv420p", "-crf", "18"]
        ffmpeg.run([*arguments, str(video)], pixels.tobytes())
        return video.read_bytes()


def by_number(path: Path) -> list[object]:
    """A key that sorts `frame10` after `frame9`."""
    return [int(part) if part.isdigit() else part for part in re.split(r"(\d+)", path.name)]


def _split_png(raw: bytes) -> Iterator[bytes]:
    """The PNG files in `raw`, which holds them back to back; each ends with its IEND chunk."""
    start = place = 0
    while place < len(raw):
        if place == start:
            place += 8  # the signature
        size, kind = int.from_bytes(raw[place : place + 4], "big"), raw[place + 4 : place + 8]
        place += size + 12
        if kind == b"IEND":
            yield raw[start:place]
            start = place
