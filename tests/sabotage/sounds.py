"""A small folder of the user's own sounds, `bell/017.wav`, and what goes wrong with their rate in real life.

Each sound is made anew for each seed: of another pitch, length, loudness and background noise, 16 bits at 16 kHz.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
from scipy import signal
from scipy.io import wavfile

from tests.sabotage.runs import Product

RATE = 16_000
EACH = 90  # sounds of a class


def make(folder: Path, seed: int = 0) -> Path:
    """A clean folder: CLASS/NUMBER.wav."""
    random = np.random.default_rng(seed)
    for name, sound in CLASSES.items():
        (folder / name).mkdir(parents=True)
        for number in range(EACH):
            time = np.arange(int(RATE * random.uniform(0.9, 1.2))) / RATE
            heard = sound(time, random)
            heard *= 10 ** (random.uniform(-15, -3) / 20) / np.abs(heard).max()
            heard += 10 ** (random.uniform(-65, -50) / 20) * random.normal(size=len(time))
            _write(folder / name / f"{number:03}.wav", RATE, heard)
    return folder


def bell(time: np.ndarray, random: np.random.Generator) -> np.ndarray:
    """Partials that are no multiples of each other; the higher, the shorter."""
    pitch = random.uniform(400, 900)
    parts = zip((0.56, 0.92, 1.19, 1.71, 2.0, 2.74, 3.76), random.uniform(0.3, 1, 7), strict=True)
    return sum(
        size
        * np.exp(-time * ratio * random.uniform(2, 4))
        * np.sin(2 * np.pi * ratio * pitch * time)
        for ratio, size in parts
    )


def claps(time: np.ndarray, random: np.random.Generator) -> np.ndarray:
    """Three to six bursts of noise."""
    hands = signal.butter(
        2, (random.uniform(700, 1100), random.uniform(2500, 6000)), "band", fs=RATE
    )
    noise = signal.lfilter(*hands, random.normal(size=len(time)))
    starts = np.linspace(0.03, 0.8, random.integers(3, 7)) + random.uniform(0, 0.04)
    return noise * sum((time >= start) * np.exp(-45 * np.abs(time - start)) for start in starts)


def engine(time: np.ndarray, random: np.random.Generator) -> np.ndarray:
    """Many harmonics of a low pitch, which turns up or down."""
    turns = random.uniform(50, 110) * (1 + random.uniform(-0.3, 0.3) * time)
    phase = 2 * np.pi * np.cumsum(turns) / RATE
    tone = sum(np.sin(n * phase + random.uniform(0, 6)) / n for n in range(1, 25))
    return tone * (1 + 0.4 * np.sin(phase / 2)) + 0.1 * random.normal(size=len(time))


def whistle(time: np.ndarray, random: np.random.Generator) -> np.ndarray:
    """One tone that glides, and some breath."""
    pitch = random.uniform(1200, 2600) * (1 + random.uniform(-0.4, 0.4) * time)
    trill = 1 + 0.02 * np.sin(2 * np.pi * random.uniform(4, 8) * time)
    breath = 0.05 * random.normal(size=len(time))
    return np.sin(2 * np.pi * np.cumsum(pitch * trill) / RATE) + breath


CLASSES = {sound.__name__: sound for sound in (bell, claps, engine, whistle)}
SOUNDS = Product(
    task="audio_classification",
    make=make,
    settings=("train.steps=200", "train.evaluate_every=200", "train.checkpoint_every=200"),
)


# === What goes wrong: each takes a clean folder, and changes it in place ===


def half_rate(folder: Path) -> None:
    """Recorded at half the rate: all above 4 kHz is lost."""
    _rewrite(folder, lambda rate, sound: (rate // 2, signal.resample_poly(sound, 1, 2)))


def half_rate_in_header(folder: Path) -> None:
    """The header says half the rate of the recording: all sounds are an octave lower, and twice as long."""
    _rewrite(folder, lambda rate, sound: (rate // 2, sound))


def half_rate_under_old_header(folder: Path) -> None:
    """Recorded at half the rate, which the header does not say: an octave higher, and half as long."""
    _rewrite(folder, lambda rate, sound: (rate, signal.resample_poly(sound, 1, 2)))


def _rewrite(folder: Path, change: Callable[[int, np.ndarray], tuple[int, np.ndarray]]) -> None:
    for path in folder.glob("*/*.wav"):
        rate, sound = wavfile.read(path)
        _write(path, *change(rate, sound / 32768))


def _write(path: Path, rate: int, sound: np.ndarray) -> None:
    wavfile.write(path, rate, np.int16(np.clip(np.rint(sound * 32767), -32767, 32767)))
