"""Clips: the same frames, compared as pictures in `FRAMES` places."""

from __future__ import annotations

import numpy as np

from perceiver_keras.data.alike import lsh, pictures
from perceiver_keras.data.alike.part import HEAD, NEAR, PLAIN, Part, Sketch, alike, print_of
from perceiver_keras.data.described.decode import Decoded

FRAMES = 4  # the first, the last, and two between
_EACH = HEAD + pictures.SIZE
SIZE = FRAMES * _EACH


def part(found: Decoded) -> Part:
    """The fingerprint of the frames that were decoded, and of how many there are."""
    frames = found.value
    places = [round(n * (len(frames) - 1) / (FRAMES - 1)) for n in range(FRAMES)]
    kept = [pictures.of(frames[place]) for place in places]
    seen = [pictures.as_seen(frame) for frame in frames]
    content = b"%d " % found.count + b"".join(
        b"%d %d %d " % frame.shape + frame.tobytes() for frame in seen
    )
    if all(np.ptp(frame, (0, 1)).max() <= pictures.PLAIN_RANGE for frame in seen):
        return Part(content, PLAIN)
    body = b"".join(print_of(one, pictures.SIZE) for one in kept)
    first, *_, last = (pictures.thumbnail(one) for one in kept)
    keys = lsh.keys(np.concatenate([first, last], axis=1))
    return Part(content, NEAR, keys, body) if first.any() or last.any() else Part(content)


def near(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """Which bodies uint8 [n, SIZE] are nearly those of which [m, SIZE]: bool [n, m]."""
    found = np.ones([len(a), len(b)], bool)
    for first in range(0, SIZE, _EACH):
        ours, theirs = a[:, first : first + _EACH], b[:, first : first + _EACH]
        found &= alike(ours, theirs, pictures.SKETCH)
    return found


SKETCH = Sketch(part, SIZE, near)
