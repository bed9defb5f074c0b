"""One sound of any kind that Python programs have, as a WAV."""

from __future__ import annotations

import math
import os
from collections.abc import Mapping
from typing import Any

import numpy as np

from perceiver_keras.data import audio
from perceiver_keras.errors import PerceiverError, UsageError
from perceiver_keras.tasks.shared import inputs

TAKES = (
    "a path, a sound file as bytes, (samples, rate), or samples [n] or [n, channels] with rate= (integers, or "
    "floating-point from -1 to 1)"
)
_MOST_CHANNELS = 32
_HIGHEST_RATE = 768_000
# A little above 1 is what decoders and resamplers overshoot by, and is clipped; integers in floats are far above.
_LOUDEST = 2.0


def is_sound(value: Any) -> bool:
    """Whether it is meant as one sound."""
    return (
        isinstance(value, (str, bytes, os.PathLike, Mapping))
        or inputs.is_file(value)
        or inputs.is_numbers(value)
        or _is_pair(value)
    )


def _is_pair(value: Any) -> bool:
    """Whether it is (samples, rate), or the other way round."""
    if not isinstance(value, tuple) or len(value) != 2:
        return False
    return any(
        _is_rate(one) and not isinstance(other, (str, bytes)) for one, other in (value, value[::-1])
    )


def _is_rate(value: Any) -> bool:
    number = isinstance(value, (int, float, np.integer, np.floating))
    return number and not isinstance(value, bool)


def to_wav(sound: Any, rate: Any = None, name: str = "the sound") -> bytes:
    """Any kind of sound as a 16-bit WAV that `audio.decode_wav` takes.

    Args:
      sound: As `TAKES` says, or a mapping with "array" or "raw", and "sampling_rate", as Hugging Face has it.
      rate: Samples per second, of samples that come without one.
      name: What errors call it.

    Raises:
      UsageError: it is not a sound; the message says what it is instead.
    """
    sound = inputs.plain(sound)
    if isinstance(sound, Mapping):
        samples = sound.get("array", sound.get("raw"))
        if samples is None or "sampling_rate" not in sound:
            raise UsageError(
                f"{name}: a mapping must have array and sampling_rate; this one has {', '.join(map(str, sound))}."
            )
        sound, rate = inputs.plain(samples), sound["sampling_rate"]
    elif _is_pair(sound):
        samples, rate = (inputs.plain(part) for part in sound)
        if not _is_rate(rate) or inputs.is_numbers(rate):
            raise UsageError(f"{name}: give (samples, rate), not (rate, samples).")
        sound = np.asarray(samples)
    if inputs.is_numbers(sound):
        return audio.encode_wav(_samples(sound, name), _rate(rate, name))
    if not is_sound(sound):
        raise UsageError(f"{name}: expected {TAKES}; got {inputs.kind_of(sound)}.")
    if isinstance(sound, (str, os.PathLike)):
        name = os.fspath(sound)
    else:
        sound = inputs.bytes_of(sound, name)
    try:
        return audio.as_wav(sound)
    except PerceiverError as error:
        raise UsageError(f"{name}: {error}") from None


def _rate(rate: Any, name: str) -> int:
    if rate is None:
        raise UsageError(f"{name}: samples need their rate; give rate=16000, or (samples, 16000).")
    rate = rate.item() if isinstance(rate, (np.ndarray, np.generic)) and rate.ndim == 0 else rate
    if not _is_rate(rate) or not math.isfinite(rate) or not 1 <= rate <= _HIGHEST_RATE:
        raise UsageError(
            f"{name}: the rate must be 1 to {_HIGHEST_RATE} samples per second, got {rate!r}."
        )
    return round(rate)


def _samples(samples: np.ndarray, name: str) -> np.ndarray:
    """float64 [n] in -1 to 1, the mean of the channels."""
    shape = list(samples.shape)
    if samples.ndim == 2 and samples.shape[0] <= _MOST_CHANNELS < samples.shape[1]:
        raise UsageError(
            f"{name}: expected samples [n] or [n, channels], got the shape {shape}, which looks like channels first; "
            "transpose it, or give several sounds as a list."
        )
    if samples.ndim not in (1, 2) or 0 in samples.shape:
        raise UsageError(f"{name}: expected samples [n] or [n, channels], got the shape {shape}.")
    kind = samples.dtype
    if kind.kind == "f":
        found = samples.astype(np.float64)
        loudest = float(np.abs(found).max())
        if not loudest <= _LOUDEST:  # also NaN
            raise UsageError(
                f"{name}: floating-point samples must be from -1 to 1, got a magnitude of {loudest:g}; "
                "divide them by 32768, or give int16."
            )
    elif kind in (np.int16, np.int32):
        found = samples / -float(np.iinfo(kind).min)
    elif kind == np.uint8:  # as WAV files of 8 bits have it
        found = (samples - 128.0) / 128
    else:
        raise UsageError(
            f"{name}: expected int16, int32, uint8 or floating-point samples, got {kind}."
        )
    return found if found.ndim == 1 else found.mean(axis=1)
