"""What people are shown of a stored example: its pictures small, its texts, its sounds as waves, its numbers in words.

A part is plain JSON: {"name", and one of "picture" (the address of a small one), "text", "wave" (the path of an SVG
picture `WAVE` wide and high), with "words" about it}.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from perceiver_keras.show import flow as flow_pictures
from perceiver_keras.show import style

WAVE = (120, 40)  # the size of a wave's picture
MOST_LETTERS = 280  # of a text
MOST_NAMES = 8  # of an example's labels
FRAMES = 3  # of a clip


def parts(decoded: Mapping[str, Any], names: Sequence[str] | None = None) -> list[dict[str, Any]]:
    """What is shown of one example, feature by feature; labels come last.

    Args:
      decoded: Feature -> `Decoded` of `data/described/decode.py`.
      names: Of the classes, if the labels have names.
    """
    last = ("label", "labels", "number", "category", "tags", "choice")
    found = []
    for name, one in sorted(decoded.items(), key=lambda item: item[1].kind in last):
        if one.problem:
            found.append({"name": name, "words": f"can't be read: {one.problem}"})
        elif one.kind == "flow":
            found += [{"name": name, **part} for part in _flow(one.value, decoded)]
        elif one.kind in _PARTS:
            found += [{"name": name, **part} for part in _PARTS[one.kind](one, names)]
    return found


def picture(pixels: np.ndarray) -> dict[str, Any]:
    """A picture [H, W, C], uint8 as stored: darker ones stay dark, unlike in `style.displayable`."""
    height, width = pixels.shape[:2]
    return {"picture": style.thumbnail(pixels, as_stored=True), "words": f"{width} × {height}"}


def wave(samples: np.ndarray, rate: int) -> dict[str, Any]:
    """The envelope of samples [T] or [T, C] in [-1, 1], as the path of an SVG picture, and the sound in numbers."""
    samples = np.nan_to_num(np.asarray(samples, np.float32))
    mono = samples if samples.ndim == 1 else samples.mean(-1)
    channels = 1 if samples.ndim == 1 else samples.shape[-1]
    length = len(mono) / rate if rate else 0.0
    level = float(np.sqrt(np.mean(np.square(mono, dtype=np.float64)))) if len(mono) else 0.0
    loudness = "silent" if level < 1e-5 else f"{20 * np.log10(level):.0f} dBFS".replace("-", "−")
    words = [f"{length:.2f} s", f"{rate:,} Hz", loudness]
    if channels > 1:
        words.insert(2, f"{channels} channels")
    return {"wave": _envelope(mono), "words": ", ".join(words)}


def text(content: bytes) -> dict[str, Any]:
    """The beginning of a text; bytes that are not UTF-8 are shown as �."""
    read = content[: 4 * MOST_LETTERS + 4].decode(errors="replace")
    cut = len(read) > MOST_LETTERS
    return {"text": f"{read[:MOST_LETTERS]}…" if cut else read}


def _envelope(mono: np.ndarray) -> str:
    """Lowest and highest sample of each of `WAVE[0]` parts, one vertical stroke each."""
    width, height = WAVE
    if not len(mono):
        return f"M0 {height / 2:g}H{width}"
    strokes = []
    for place, part in enumerate(np.array_split(mono, min(width, len(mono)))):
        low, high = np.clip([part.min(), part.max()], -1, 1)
        top, bottom = ((1 - end) * height / 2 for end in (high, low))
        if bottom - top < 1:  # silence is a line, too
            top, bottom = (top + bottom) / 2 - 0.5, (top + bottom) / 2 + 0.5
        x = place * width / min(width, len(mono)) + 0.5
        strokes.append(f"M{x:.4g} {top:.3g}V{bottom:.3g}")
    return "".join(strokes)


def _pictures(one: Any, names: Any) -> list[dict[str, Any]]:
    """Frames from the beginning, the middle and the end of a clip."""
    frames = one.value
    chosen = sorted({0, len(frames) // 2, len(frames) - 1})[:FRAMES] if len(frames) else []
    found = [picture(frames[place]) for place in chosen]
    if found:
        found[-1]["words"] += f", {one.count:,} frames"
    return found


def _flow(value: np.ndarray, decoded: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Motion in colours, in the shape of the picture that has as many pixels."""
    shapes = [
        one.value.shape[:2] for one in decoded.values() if one.kind == "picture" and not one.problem
    ]
    shape = next((s for s in shapes if s[0] * s[1] == len(value)), None)
    known = value[flow_pictures.is_known(value)]
    length = np.hypot(*known.T) if len(known) else np.zeros(1)
    words = f"motion up to {length.max():.1f} pixels"
    if shape is None:
        return [{"words": f"{len(value):,} vectors, {words}"}]
    colours = flow_pictures.to_colours(value.reshape(*shape, 2))
    return [{"picture": style.thumbnail(colours, as_stored=True), "words": words}]


def _entities(one: Any, names: Any) -> list[dict[str, Any]]:
    return [{"words": f"{np.size(one.value):,} numbers"}]


def _class(number: int, names: Sequence[str] | None) -> str:
    return str(names[number]) if names and 0 <= number < len(names) else str(number)


def _labels(one: Any, names: Sequence[str] | None) -> list[dict[str, Any]]:
    chosen = [_class(number, names) for number in one.value[:MOST_NAMES]]
    more = len(one.value) - len(chosen)
    words = ", ".join(chosen) or "none"
    return [{"words": f"{words} and {more} more" if more > 0 else words}]


def _tags(one: Any, names: Sequence[str] | None) -> list[dict[str, Any]]:
    """How much of a text is tagged, and as what; a tag is a byte, 48 + its number."""
    tags = np.frombuffer(one.value, np.uint8).astype(int) - 48
    kinds = [_class(int(number), names) for number in np.unique(tags[tags > 0])[:MOST_NAMES]]
    words = f"{(tags > 0).sum():,} of {len(tags):,} bytes"
    return [{"words": f"{words}: {', '.join(kinds)}" if kinds else words}]


def _choice(one: Any, names: Any) -> list[dict[str, Any]]:
    row, *outcome = one.value
    won = [("lost", "won")[flag] for flag in outcome if flag in (0, 1)]
    return [{"words": ", ".join([f"row {row}", *won])}]


def _name(one: Any, names: Any) -> list[dict[str, Any]]:
    return [{"words": text(one.value)["text"]}]


_PARTS = {
    "picture": lambda one, names: [picture(one.value)],
    "pictures": _pictures,
    "sound": lambda one, names: [wave(one.value, one.rate)],
    "text": lambda one, names: [text(one.value)],
    "entities": _entities,
    "label": lambda one, names: [{"words": _class(one.value, names)}],
    "labels": _labels,
    "choice": _choice,
    "number": lambda one, names: [{"words": f"{one.value:g}"}],
    "category": _name,
    "tags": _tags,
}
