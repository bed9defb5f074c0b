"""Sounds and videos as others make them, for tests: by ffmpeg, from its own generators."""

from __future__ import annotations

import struct
from pathlib import Path

import numpy as np
import tensorflow as tf

from perceiver_keras.data import ffmpeg, wav_file

PICTURES = ["-f", "lavfi", "-i", "testsrc=size=32x32:rate=25:duration=2"]
# A WAV of the samples 0, 1, -1, 256 and -32768.
BIG_ENDIAN = struct.pack(
    ">4sI8sIHHIIHH", b"RIFX", 46, b"WAVEfmt ", 16, 1, 1, 8000, 16000, 2, 16
) + struct.pack(">4sI5h", b"data", 10, 0, 1, -1, 256, -32768)
CODECS = ["-c:v", "mpeg4", "-c:a", "aac"]


def tone(seconds: float, rate: int = 16_000) -> list[str]:
    return ["-f", "lavfi", "-i", f"sine=440:duration={seconds}:sample_rate={rate}"]


def make(path: Path, *arguments: str) -> Path:
    ffmpeg.run([*arguments, str(path)])
    return path


def cut(path: Path, share: float = 0.5) -> Path:
    """The file without its end."""
    content = path.read_bytes()
    path.write_bytes(content[: int(len(content) * share)])
    return path


def heard(encoded: bytes) -> tuple[float, float, float]:
    """Seconds: the length of a WAV, and where something is first and last heard in it."""
    samples, rate = wav_file.decode(tf.constant(encoded))
    loud = np.flatnonzero(np.abs(samples.numpy()).max(axis=1) > 0.02)
    return tuple(float(n) / int(rate) for n in (len(samples), loud[0], loud[-1]))
