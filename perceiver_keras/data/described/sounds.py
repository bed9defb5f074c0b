"""A sound's rate and length, how loud it is, and where its energy lies."""

from __future__ import annotations

import numpy as np

from perceiver_keras.data.described.decode import Decoded

FLOOR = -120.0  # dBFS; the level of digital silence, which has no logarithm
QUIET = -60.0  # dBFS; a part below it is silent
FULL = 1 - 2.0**-15  # the largest value that 16 bits hold
_PART = 0.02  # seconds for which silence is judged
_WINDOW, _MOST_WINDOWS = 1024, 256  # samples per spectrum, and spectra per sound


def describe(sound: Decoded) -> dict[str, float | int]:
    """The measures of a decoded sound, by name. One without samples is silent."""
    samples, rate = sound.value, sound.rate
    empty = not len(samples)
    power = np.zeros([1]) if empty else np.square(samples, dtype=np.float64).mean(axis=1)
    return {
        "rate": rate,
        "channels": samples.shape[1],
        "seconds": len(samples) / rate,
        "level": level(float(power.mean())),
        "clipped": 0.0 if empty else float((np.abs(samples) >= FULL).mean()),
        "silent": silent(power, rate),
        "centroid": centroid(samples.mean(axis=1), rate) if not empty else 0.0,
    }


def level(power: float) -> float:
    """The mean power of samples in [-1, 1], in dB below that of a square wave of full scale."""
    return max(10 * float(np.log10(power)), FLOOR) if power > 0 else FLOOR


def silent(power: np.ndarray, rate: int) -> float:
    """The share of parts of 20 ms whose level is below `QUIET`; `power` [samples]."""
    part = min(max(int(rate * _PART), 1), len(power))
    parts = power[: len(power) // part * part].reshape(-1, part).mean(axis=1)
    return float((parts < 10 ** (QUIET / 10)).mean())


def centroid(samples: np.ndarray, rate: int) -> float:
    """The mean frequency, in Hz, weighted by power: of windows all over the sound [samples]; 0 for silence."""
    window = min(_WINDOW, len(samples))
    count = min(_MOST_WINDOWS, -(-len(samples) // window))
    starts = np.linspace(0, len(samples) - window, count).astype(int)
    parts = np.stack([samples[start : start + window] for start in starts])
    spectra = np.square(np.abs(np.fft.rfft(parts * np.hanning(window + 2)[1:-1], axis=1)))
    power = spectra.sum(axis=0)
    frequencies = np.fft.rfftfreq(window, 1 / rate)
    return float((power * frequencies).sum() / power.sum()) if power.sum() > 0 else 0.0
