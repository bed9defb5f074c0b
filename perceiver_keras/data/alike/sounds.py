"""Sounds: the same one at another gain or rate, in another file format, or with a little noise.

As in Haitsma and Kalker, 2002 ("A highly robust audio fingerprinting system", section 4.2): a sound is kept as bits
that say, of each two neighbouring bands and times, whether the difference of their levels grows. All parts of a
recording count alike, so that two different sounds of one kind, with the same pitch and rhythm, still differ in what
is soft in them. The times are `CELLS` equal parts of the sound, however long it is.
"""

from __future__ import annotations

import functools

import numpy as np

from perceiver_keras.data.alike import lsh
from perceiver_keras.data.alike.part import NEAR, ONLY_EXACT, PLAIN, Part, Sketch
from perceiver_keras.data.alike.pictures import areas
from perceiver_keras.data.described.decode import Decoded

BANDS, CELLS = 33, 32
LOW, HIGH = 100.0, 3800.0  # Hz: what every rate from 8 kHz on has
ERRORS = 0.33  # up to this share of different bits, two sounds are the same; of unrelated ones, half differ
SILENCE = 2 / 32768  # of 1: a sound that stays within holds nothing
_DEPTH = 40.0  # dB below the loudest band and part; for keys, what is softer counts as this soft
_LEAST_CHANGE = 0.5  # dB: a sound whose bands rise and fall by less has nothing to compare
_LENGTH_OFF = 1  # in 1/32 octave: 2 to 4 %
_WINDOW, _HOP, _MOST = 0.064, 0.008, 512  # seconds; at most so many windows
_BITS = (BANDS - 1) * (CELLS - 1)
SIZE = 1 + _BITS // 8


def part(found: Decoded) -> Part:
    """The fingerprint of a sound."""
    sound = np.asarray(found.value, np.float32)
    content = b"%d %d %d " % (found.rate, *sound.shape)
    content += np.rint(sound * 32767).astype("<i2").tobytes()
    if not sound.size or abs(sound).max() <= SILENCE:
        return Part(content, PLAIN)
    levels = _levels(sound.mean(1), found.rate)
    coarse = np.maximum(levels[:-1].reshape(-1, 2, CELLS).mean(1) + _DEPTH, 0)
    change = coarse - coarse.mean(1, keepdims=True)
    if change.std() < _LEAST_CHANGE:
        return Part(content, ONLY_EXACT)
    length = np.rint(32 * np.log2(len(sound) / found.rate)) + 160  # from 1/32 second on
    slope = levels[1:] - levels[:-1]
    bits = np.packbits(slope[:, 1:] > slope[:, :-1])
    body = bytes([int(np.clip(length, 0, 255))]) + bits.tobytes()
    return Part(content, NEAR, lsh.keys(change), body)


def near(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """Which bodies uint8 [n, SIZE] are nearly those of which [m, SIZE]: bool [n, m]."""
    length = abs(a[:, None, 0].astype(int) - b[None, :, 0]) <= _LENGTH_OFF
    signs = [1 - 2 * np.unpackbits(x[:, 1:], axis=1).astype(np.float32) for x in (a, b)]
    return length & (signs[0] @ signs[1].T >= (1 - 2 * ERRORS) * _BITS)


SKETCH = Sketch(part, SIZE, near)


def _levels(sound: np.ndarray, rate: int) -> np.ndarray:
    """[samples] to dB relative to the loudest, [BANDS, CELLS]."""
    window = max(round(_WINDOW * rate), 16)
    sound = np.pad(sound, (window // 2, window - window // 2))
    hop = max(round(_HOP * rate), -(-(len(sound) - window) // _MOST), 1)
    frames = np.lib.stride_tricks.sliding_window_view(sound, window)[::hop]
    power = abs(np.fft.rfft(frames * np.hanning(window).astype(np.float32), axis=1)) ** 2
    energy = areas(len(power), CELLS) @ (power @ _bands(window, rate).T)
    return 10 * np.log10(energy.T / max(energy.max(), 1e-30) + 1e-9)


@functools.lru_cache(16)
def _bands(window: int, rate: int) -> np.ndarray:
    """[BANDS, window / 2 + 1]: triangles whose centres are evenly spaced in the logarithm of the frequency."""
    found = np.fft.rfftfreq(window, 1 / rate)
    edges = np.geomspace(LOW, HIGH, BANDS + 2)
    width = np.maximum(np.diff(edges), 1.5 * rate / window)
    up = (found - edges[1:-1, None]) / width[:-1, None] + 1
    down = (edges[1:-1, None] - found) / width[1:, None] + 1
    return np.clip(np.minimum(up, down), 0, None).astype(np.float32)
