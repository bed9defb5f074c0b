"""Texts: the same one in other letters' case, white space and punctuation, or with a few words changed.

The overlap of two texts is the Jaccard index of their sets of `GRAM` neighbouring characters, estimated by MinHash
(Broder, 1997: "On the resemblance and containment of documents"). Characters, not words, so that scripts without
spaces are compared as well. A text of fewer than `FEWEST` such sets is the same only if all its words are.
"""

from __future__ import annotations

import functools
import unicodedata

import numpy as np

from perceiver_keras.data.alike.part import NEAR, PLAIN, Part, Sketch, digest
from perceiver_keras.data.described.decode import Decoded

GRAM = 8  # characters
FEWEST = 32  # sets of them, of about 40 letters
OVERLAP = 0.7  # from here on, two texts are the same
_HASHES = 128  # the estimate's standard error is 0.04 at `OVERLAP`
_BANDS, _ROWS = 12, 4  # of keys: an overlap of 0.7 is found in 96 % of all cases, of 0.8 in 99.8 %
SIZE = 4 + 8 + 2 * _HASHES
_AT_ONCE = 4096  # sets that are hashed together, so that long texts need little memory


def part(found: Decoded) -> Part:
    """The fingerprint of a text; bytes that are not UTF-8 count as white space."""
    content = found.value.replace(b"\r\n", b"\n").strip()
    if not content:
        return Part(content, PLAIN)
    words = normalised(content.decode("utf-8", "replace"))
    if not words:
        return Part(content)
    same = digest(words.encode())[:8]
    grams = _grams(words)
    if len(grams) < FEWEST:
        return Part(content, NEAR, (same,), bytes(4) + same + bytes(2 * _HASHES))
    least = _least(grams)
    bands = least[: _BANDS * _ROWS].reshape(_BANDS, _ROWS)
    keys = tuple(digest(bytes([n]) + band.tobytes())[:8] for n, band in enumerate(bands))
    signature = (least & 0xFFFF).astype("<u2").tobytes()
    return Part(content, NEAR, keys, len(grams).to_bytes(4, "little") + same + signature)


def normalised(text: str) -> str:
    """Letters, digits and their marks in lower case (NFKC, folded), and nothing between them.

    Without white space, a text is the same however its lines are broken, and Chinese and Japanese with and without
    commas.
    """
    text = text.casefold()
    if not text.isascii():
        text = unicodedata.normalize("NFKC", text).casefold()
    others = [c for c in set(text) if not (c.isalnum() or unicodedata.category(c)[0] == "M")]
    return text.translate(dict.fromkeys(map(ord, others)))


def near(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """Which bodies uint8 [n, SIZE] are nearly those of which [m, SIZE]: bool [n, m]."""
    same = (a[:, None, 4:12] == b[None, :, 4:12]).all(-1)
    long = a[:, :4].any(1)[:, None] & b[:, :4].any(1)[None]
    signatures = [np.ascontiguousarray(x[:, 12:]).view("<u2") for x in (a, b)]
    shared = (signatures[0][:, None] == signatures[1][None]).mean(-1)
    return same | (long & (shared >= OVERLAP))


SKETCH = Sketch(part, SIZE, near)


def _grams(words: str) -> np.ndarray:
    """uint64 hashes of all distinct sets of `GRAM` neighbouring characters."""
    characters = np.frombuffer(words.encode("utf-32-le", "surrogatepass"), "<u4").astype(np.uint64)
    if len(characters) < GRAM:
        return np.zeros(0, np.uint64)
    windows = np.zeros(len(characters) - GRAM + 1, np.uint64)
    for place in range(GRAM):
        windows = windows * np.uint64(0x100000001B3) + characters[place : place + len(windows)]
    return np.unique(_mixed(windows))


def _mixed(x: np.ndarray) -> np.ndarray:
    """Every bit of the result depends on every bit of x (the finalizer of splitmix64)."""
    x = (x ^ (x >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    x = (x ^ (x >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return x ^ (x >> np.uint64(31))


@functools.lru_cache(1)
def _factors() -> np.ndarray:
    """uint64 [2, 1, hashes]: an odd factor and a summand of each hash function."""
    drawn = np.random.default_rng(11).integers(0, 2**64, [2, 1, _HASHES], np.uint64)
    return np.stack([drawn[0] | np.uint64(1), drawn[1]])


def _least(grams: np.ndarray) -> np.ndarray:
    """uint32 [hashes]: the least value of each hash function."""
    factor, summand = _factors()
    least = np.full(_HASHES, 2**32 - 1, np.uint32)
    for first in range(0, len(grams), _AT_ONCE):
        values = (grams[first : first + _AT_ONCE, None] * factor + summand) >> np.uint64(32)
        least = np.minimum(least, values.min(0).astype(np.uint32))
    return least
