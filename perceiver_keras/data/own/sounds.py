"""Sounds with one or several classes each, alone or with the frames of their video."""

from __future__ import annotations

import functools
import math
import statistics
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import tensorflow as tf
import tensorflow_datasets as tfds

from perceiver_keras.data import audio, wav_file
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

SUFFIXES = (".wav", ".mp3", ".flac", ".ogg", ".oga", ".opus", ".m4a", ".aac", ".wma", ".aif", ".aiff", ".au",
            ".mka", ".caf", ".amr", ".mp2", ".ac3", ".wv", ".w64", ".tta",
            *sorted(clips.VIDEOS - {".gif"}))  # fmt: skip
MOST_SECONDS = 10.0  # of a window; longer sounds are cut into several
MOST_WINDOWS = 16  # per file
_SLACK = 0.05  # the share of a part that its file may lack at the end: times are rounded
_SHORTEST = 0.1  # seconds of a window
_SAME = 0.01  # lengths that differ by a smaller share are one length
_SAMPLED = 40  # files that are decoded to measure rate and length


def look(place: Place) -> Found:
    """One folder per class, or a table of paths and one or several labels; raises as `labelled.look`.

    `place.options["frames"]` is the number of frames of a stored window; without it, only sound is stored.
    """
    frames = place.options.get("frames")
    files = labelled.look(place, "sounds", SUFFIXES, several=True, timed=True)
    if frames:
        parts.must_be_whole(files.drafts, place)
    items = to_items(files.drafts, place, "sounds")
    labels = classes((name for item in items for name in item.label), place)
    most = max(len(item.label) for item in items)
    measured = _measure(items) | {"most_labels": most}
    window = frames / clips.FRAMES_PER_SECOND if frames else measured["window"]
    features: dict[str, Any] = {
        "audio": tfds.features.Tensor(shape=(), dtype=np.object_),  # a WAV
        "label": tfds.features.Sequence(tfds.features.ClassLabel(names=labels), length=most),
        "file": tfds.features.Text(),
    }
    if frames:
        picture = tfds.features.Image(shape=(None, None, 3), encoding_format="jpeg")
        features["frames"] = tfds.features.Sequence(picture, length=frames)
    short, middle, long = measured["seconds"]
    several = f"; up to {most} labels per sound" if most > 1 else ""
    return Found(
        kind=f"sounds-{frames}" if frames else "sounds",
        place=place,
        layout=files.layout,
        items=items,
        labels=labels,
        features=features,
        read=_reader(labels, most, window, frames),
        passed=files.passed,
        measured=measured | {"window": window},
        facts=[
            (
                "sounds",
                f"{short:.2f} to {long:.2f} s, half up to {middle:.2f} s, {measured['rate']:,} Hz{several}",
            ),
            ("windows", f"of {window:.2f} s, at most {MOST_WINDOWS} per file"),
        ],
        notes=class_notes(items, labels),
    )


def _reader(labels: Sequence[str], most: int, window: float, frames: int | None) -> Any:
    places = {name: number for number, name in enumerate(labels)}
    decode = functools.lru_cache(1)(audio.as_wav)  # the parts of a file follow each other

    def read(item: Item) -> Iterator[dict[str, Any]]:
        numbers = sorted(places[name] for name in item.label)
        about = {"label": numbers + [-1] * (most - len(numbers)), "file": item.name}
        if frames:
            for part in builder.windows(item.source, frames, MOST_WINDOWS):
                yield part | about
            return
        for part in windows(_heard(item, decode), window):
            yield {"audio": part} | about

    return read


def _heard(item: Item, decode: Callable[[Path], bytes] = audio.as_wav) -> bytes:
    """The WAV of an item's sound, or of the part of it that the item is."""
    whole = decode(item.source)
    return cut(whole, *item.part) if item.part else whole


def cut(encoded: bytes, start: float, end: float) -> bytes:
    """What a WAV has from `start` to `end`, in seconds.

    A file that ends before but is as long as the part is that part: the times of UrbanSound8K, for one, are those of
    the recordings that its files were cut from.

    Raises:
      PerceiverError: the WAV ends before the part does.
    """
    samples, rate = wav_file.decode(tf.constant(encoded))
    samples, rate = samples.numpy(), int(rate)
    seconds, slack = len(samples) / rate, _SLACK * (end - start)
    if end > seconds and abs(seconds - (end - start)) <= slack:
        return encoded
    if end > seconds + slack:
        raise PerceiverError(
            f"it is {seconds:.2f} s long, but a row is about {start:g} to {end:g} s of it; correct the times, or leave "
            "their columns out of the table if its files are cut already"
        )
    return audio.encode_wav(samples[round(start * rate) : round(end * rate)], rate)


def windows(encoded: bytes, seconds: float) -> Iterator[bytes]:
    """Consecutive parts of a WAV as WAVs of one channel, at most `MOST_WINDOWS`; a rest under half a part is left out.

    Args:
      encoded: A WAV.
      seconds: The length of a part; a shorter sound is one part as it is.
    """
    samples, rate = wav_file.decode(tf.constant(encoded))
    samples, rate = samples.numpy().mean(axis=1), int(rate)
    length = max(1, round(seconds * rate))
    whole = len(samples) // length + (len(samples) % length >= length / 2)
    for number in range(min(max(whole, 1), MOST_WINDOWS)):
        yield audio.encode_wav(samples[number * length : (number + 1) * length], rate)


def _measure(items: Sequence[Item]) -> dict[str, Any]:
    """Of an even sample: "seconds" (shortest, median, longest), the commonest "rate", and "window" (`window_of`)."""
    seconds, rates = [], []
    for item in items[:: max(1, len(items) // _SAMPLED)]:
        try:
            samples, rate = wav_file.decode(tf.constant(_heard(item)))
        except (PerceiverError, OSError):
            continue  # it is named when the data set is prepared
        rates.append(int(rate))
        seconds.append(len(samples) / int(rate))
    if not seconds:
        raise PerceiverError(
            f"None of {min(len(items), _SAMPLED)} sounds that were tried can be decoded, such as {items[0].source}."
        )
    return {
        "seconds": (min(seconds), statistics.median(seconds), max(seconds)),
        "rate": statistics.mode(rates),
        "window": window_of(seconds),
    }


def window_of(lengths: Sequence[float]) -> float:
    """The length of the parts to store, in seconds, for sounds of these lengths: about their median.

    Of sounds of different lengths it is the nearest of 1, √2, 2, … and their inverses. So new data of the same kind,
    whose median is a little different, is cut in the same way, and compares with the data before it.
    """
    middle = statistics.median(lengths)
    if max(lengths) > (1 + _SAME) * min(lengths):
        middle = 2 ** (round(2 * math.log2(max(middle, _SHORTEST))) / 2)
    return min(max(middle, _SHORTEST), MOST_SECONDS)


def prevalence(found: Any) -> float:
    """The mean share of the test split's sounds that have a class: the mean average precision of a random order."""
    total = len(found.in_split("test"))
    counts = found.counts("test")
    shares = [counts[name] / total for name in found.labels if counts[name]]
    return round(math.fsum(shares) / max(len(shares), 1), 4)
