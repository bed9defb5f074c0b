"""Stored features to arrays, one decoding for all that looks at them: measures and fingerprints."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import tensorflow as tf

from perceiver_keras.data import wav_file
from perceiver_keras.data.described.kinds import Kind
from perceiver_keras.data.image_file import check_image, decode_as_stored, format_of

MOST_FRAMES = 16  # of a clip that are decoded; of longer ones, pairs of neighbours from all over it


@dataclass(frozen=True)
class Decoded:
    """One feature of one example.

    Attributes:
      kind: What it is.
      value: picture: uint8 [H, W, 1 to 4], as stored; pictures: a tuple of them, at most `MOST_FRAMES`; sound: float32
        [samples, channels] in [-1, 1]; text, tags and category: bytes; flow: float32 [pixels, 2], x first; mask: bool,
        [H, W] or [rows]; entities: float32 [rows · columns]; label: int; labels and choice: a tuple of them, without
        the -1 of unused places; number: float. With a `problem`, the stored values as they are.
      problem: Why it can't be decoded; "" if it can.
      format: Of a picture, or of the first of several: "PNG", "JPEG", "GIF" or "BMP"; else "".
      rate: Of a sound, in samples per second; else 0.
      count: How many values are stored: of a clip, its frames.
    """

    kind: Kind
    value: Any
    problem: str = ""
    format: str = ""
    rate: int = 0
    count: int = 1


def decode_example(
    features: Mapping[str, Sequence[Any] | np.ndarray], kinds: Mapping[str, Kind]
) -> dict[str, Decoded]:
    """The features of one example that are there and have a kind.

    Args:
      features: By name, the values of a parsed `tf.train.Example`: bytes, integers or floats.
      kinds: By name, what each of them is; others are not looked at.

    Raises:
      TypeError: bytes are in a NumPy array of another dtype than object.
    """
    found = {}
    for name, kind in kinds.items():
        values = _values(features.get(name))
        # An optional file that is missing is stored as one of no bytes; a text of no bytes is a text.
        missing = not values or (kind in _FILES and values in ([b""], [""]))
        if not missing:
            found[name] = decoded(kind, values)
    return found


_FILES: tuple[Kind, ...] = ("picture", "sound", "flow", "mask")


def decoded(kind: Kind, value: Sequence[Any] | np.ndarray | bytes | int | float) -> Decoded:
    """One feature's value, or the list of its values, which is not empty; never raises for what is stored."""
    values = _values(value)
    try:
        return _DECODERS[kind](kind, values)
    except (tf.errors.OpError, ValueError, TypeError, IndexError, OverflowError) as error:
        return Decoded(kind, values, problem=_first_line(error), count=len(values))


def _values(value: Any) -> list[Any]:
    if value is None:
        return []
    if isinstance(value, np.ndarray):
        if value.dtype.kind == "S":
            # NumPy has dropped zeros from the ends already: sounds and flow would be cut.
            raise TypeError("bytes in an array need dtype=object")
        return value.ravel().tolist()
    return [value] if isinstance(value, bytes | str | int | float) else list(value)


def _first_line(error: Exception) -> str:
    text = getattr(error, "message", None) or str(error) or type(error).__name__
    return text.strip().splitlines()[0][:300]


def _one(values: Sequence[Any]) -> Any:
    if len(values) != 1:
        raise ValueError(f"{len(values)} values; expected one")
    return values[0]


def _bytes(value: Any) -> bytes:
    if not isinstance(value, bytes | str):
        raise TypeError(f"a number ({value}) instead of bytes")
    return value.encode() if isinstance(value, str) else value


def _pixels(encoded: Any) -> np.ndarray:
    encoded = _bytes(encoded)
    try:
        return decode_as_stored(encoded)
    except tf.errors.OpError as error:
        raise ValueError(check_image(encoded) or _first_line(error)) from None


def _picture(kind: Kind, values: Sequence[Any]) -> Decoded:
    encoded = _one(values)
    return Decoded(kind, _pixels(encoded), format=format_of(_bytes(encoded)))


def _pictures(kind: Kind, values: Sequence[Any]) -> Decoded:
    frames = tuple(_pixels(values[place]) for place in frame_places(len(values)))
    return Decoded(kind, frames, format=format_of(_bytes(values[0])), count=len(values))


def frame_places(count: int) -> list[int]:
    """Which frames of a clip are decoded: all, or else pairs of neighbours, evenly spread."""
    if count <= MOST_FRAMES:
        return list(range(count))
    pairs = MOST_FRAMES // 2
    starts = [place * (count - 2) // (pairs - 1) for place in range(pairs)]
    return [place for start in starts for place in (start, start + 1)]


def _sound(kind: Kind, values: Sequence[Any]) -> Decoded:
    with tf.device("CPU:0"):
        problem, samples, rate = _read_wav(tf.constant(_bytes(_one(values))))
    if problem := problem.numpy().decode():
        raise ValueError(problem)
    return Decoded(kind, samples.numpy(), rate=int(rate))


# Traced once per process: step by step it takes ten times as long.
_read_wav = tf.function(
    lambda encoded: tuple(wav_file.read(encoded)),
    input_signature=[tf.TensorSpec([], tf.string)],
    autograph=False,
)


def _text(kind: Kind, values: Sequence[Any]) -> Decoded:
    return Decoded(kind, b"\n\n".join(map(_bytes, values)), count=len(values))


def _flow(kind: Kind, values: Sequence[Any]) -> Decoded:
    content = _bytes(_one(values))
    if len(content) % 8:
        raise ValueError(f"{len(content)} bytes; flow has 8 for each pixel")
    return Decoded(kind, np.frombuffer(content, "<f4").reshape(-1, 2))


def _mask(kind: Kind, values: Sequence[Any]) -> Decoded:
    if isinstance(values[0], bytes | str):
        return Decoded(kind, _pixels(_one(values))[..., 0] > 127)
    return Decoded(kind, np.asarray(values) != 0, count=len(values))


def _entities(kind: Kind, values: Sequence[Any]) -> Decoded:
    return Decoded(kind, np.asarray(values, np.float32), count=len(values))


def _integer(value: Any) -> int:
    number = int(value)
    if number != value:
        raise ValueError(f"label {value} is no whole number")
    return number


def _label(kind: Kind, values: Sequence[Any]) -> Decoded:
    return Decoded(kind, _integer(_one(values)))


def _labels(kind: Kind, values: Sequence[Any]) -> Decoded:
    return Decoded(kind, tuple(n for n in map(_integer, values) if n != -1), count=len(values))


def _number(kind: Kind, values: Sequence[Any]) -> Decoded:
    return Decoded(kind, float(_one(values)))


def _category(kind: Kind, values: Sequence[Any]) -> Decoded:
    return Decoded(kind, _bytes(_one(values)))


_DECODERS: dict[Kind, Callable[[Kind, Sequence[Any]], Decoded]] = {
    "picture": _picture,
    "pictures": _pictures,
    "sound": _sound,
    "text": _text,
    "flow": _flow,
    "mask": _mask,
    "entities": _entities,
    "label": _label,
    "labels": _labels,
    "tags": _category,
    "choice": _labels,
    "number": _number,
    "category": _category,
}
