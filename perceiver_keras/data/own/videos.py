"""Videos, with or without classes, as windows of frames and sound."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import tensorflow as tf
import tensorflow_datasets as tfds

from perceiver_keras.data import audio, image
from perceiver_keras.data.own import labelled, parts
from perceiver_keras.data.own.found import (
    Found,
    Item,
    Place,
    class_notes,
    classes,
    to_items,
)
from perceiver_keras.data.video import builder, clips
from perceiver_keras.errors import PerceiverError

SUFFIXES = tuple(sorted(clips.VIDEOS))
MOST_WINDOWS = 16  # per video
NO_CLASS = "video"  # the class of videos without classes
_LOOKED_AT = 2.0  # seconds of each
_SAMPLED = 8  # videos that are decoded to measure them


def look(place: Place) -> Found:
    """One folder per class, a table (Kinetics's included), or loose videos; raises as `labelled.look`.

    `place.options["frames"]` is the number of frames of a window.
    """
    frames = place.options["frames"]
    files = labelled.look(place, "videos", SUFFIXES, unlabelled=True, timed=True)
    parts.must_be_whole(files.drafts, place)
    items = to_items(files.drafts, place, "videos")
    labels = classes([item.label for item in items if item.label is not None] or [NO_CLASS], place)
    measured = _measure(items)
    height, width = measured["size"]
    sound = "with sound" if measured["sound"] else "silent"
    return Found(
        kind=f"videos-{frames}",
        place=place,
        layout=files.layout,
        items=items,
        labels=labels,
        features=dict(builder.features(frames, tfds.features.ClassLabel(names=labels)))
        | {"file": tfds.features.Text()},
        read=_reader(frames),
        passed=files.passed,
        measured=measured,
        facts=[
            (
                "videos",
                f"about {height}x{width} pixels (height x width), {_length(measured['seconds'])}, {sound}",
            ),
            ("windows", f"of {frames} frames, at most {MOST_WINDOWS} per video"),
        ],
        notes=class_notes(items, labels) if len(labels) > 1 else [],
    )


def _reader(frames: int) -> Any:
    def read(item: Item) -> Iterator[dict[str, Any]]:
        for window in builder.windows(item.source, frames, MOST_WINDOWS):
            yield window | {"label": item.label or NO_CLASS, "file": item.name}

    return read


def _measure(items: Sequence[Item]) -> dict[str, Any]:
    """Of some videos: "size" (height, width), "seconds", whether there is "sound", and the trivial guesses' quality.

    "video_psnr" and "audio_psnr" are what one colour for all pixels and silence reach, in dB for a peak of 1.
    """
    sizes, seconds, pixels, squares = [], [], [], []
    for item in items[:: max(1, len(items) // _SAMPLED)]:
        try:
            clip = clips.read_video(item.source, _LOOKED_AT, cut=True)
        except (PerceiverError, OSError):
            continue  # it is named when the data set is prepared
        frame = image.decode_image(tf.constant(clip.frames[0]), 3).numpy()
        sizes.append(frame.shape[:2])
        seconds.append(len(clip.frames) / clips.FRAMES_PER_SECOND)
        pixels.append(frame.reshape(-1, 3)[:: max(1, len(frame) * frame.shape[1] // 1000)] / 255)
        if clip.sound:
            samples = audio.decode_whole(tf.constant(clip.sound), clips.SOUND_RATE).numpy()
            squares.append(float(np.square(samples).mean()))
    if not sizes:
        raise PerceiverError(
            f"None of {min(len(items), _SAMPLED)} videos that were tried can be decoded, such as {items[0].source}."
        )
    return {
        "size": sizes[len(sizes) // 2],
        "seconds": float(np.median(seconds)),
        "sound": bool(squares),
        "video_psnr": _psnr(np.concatenate(pixels).var(axis=0).mean()),
        "audio_psnr": _psnr(np.mean(squares)) if squares else None,
    }


def _length(seconds: float) -> str:
    return f"{seconds:.1f} s{' or more' if seconds >= _LOOKED_AT else ''}"


def _psnr(error: float) -> float:
    return float(-10 * np.log10(max(float(error), 1e-6)))
