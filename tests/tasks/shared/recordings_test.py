"""Sounds of every kind are the same samples, and what is not a sound is named."""

from __future__ import annotations

import io
import wave

import numpy as np
import pytest

from perceiver_keras.data import audio
from perceiver_keras.errors import UsageError
from perceiver_keras.tasks.shared.recordings import is_sound, to_wav

RATE = 8000
SAMPLES = np.random.default_rng(0).integers(-32768, 32768, 500).astype(np.int16)


def heard(encoded):
    """Rate and samples, read by the standard library."""
    with wave.open(io.BytesIO(encoded)) as file:
        assert (file.getnchannels(), file.getsampwidth()) == (1, 2)
        return file.getframerate(), np.frombuffer(file.readframes(file.getnframes()), "<i2")


KINDS = {
    "int16": (SAMPLES, RATE),
    "int32": (SAMPLES.astype(np.int32) * 65536, RATE),
    "float": (SAMPLES / 32768, RATE),
    "float32": ((SAMPLES / 32768).astype(np.float32), np.int64(RATE)),
    "a list": (list(SAMPLES / 32768), float(RATE)),
    "one channel": (SAMPLES[:, None], RATE),
    "two equal channels": (np.stack([SAMPLES, SAMPLES], 1), RATE),
    "as Hugging Face has it": {"array": SAMPLES, "sampling_rate": RATE, "path": None},
    "bytes": audio.encode_wav(SAMPLES / 32768, RATE),
    "file": io.BytesIO(audio.encode_wav(SAMPLES / 32768, RATE)),
}


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_is_the_same_sound(kind):
    assert is_sound(KINDS[kind])
    rate, samples = heard(to_wav(KINDS[kind]))
    assert rate == RATE
    np.testing.assert_array_equal(samples, SAMPLES)


def test_an_array_with_its_rate_and_a_path(tmp_path):
    rate, samples = heard(to_wav(SAMPLES, rate=16_000))
    assert rate == 16_000 and (samples == SAMPLES).all()
    (tmp_path / "A.WAV").write_bytes(KINDS["bytes"])
    for path in (tmp_path / "A.WAV", str(tmp_path / "A.WAV")):
        assert heard(to_wav(path))[0] == RATE
    eight_bits = np.array([0, 128, 255], np.uint8)
    np.testing.assert_array_equal(heard(to_wav((eight_bits, RATE)))[1], [-32768, 0, 32512])


@pytest.mark.parametrize(
    ("sound", "words"),
    [
        (SAMPLES, r"samples need their rate; give rate=16000"),
        ((RATE, SAMPLES), r"\(samples, rate\), not \(rate, samples\)"),
        ((SAMPLES, 0), "the rate must be 1 to 768000"),
        ((SAMPLES, float("nan")), "the rate must be .* got nan"),
        (
            (np.stack([SAMPLES, SAMPLES]), RATE),
            r"shape \[2, 500\], which looks like channels first",
        ),
        ((np.zeros((2, 3, 4)), RATE), r"shape \[2, 3, 4\]"),
        ((np.zeros(0), RATE), r"shape \[0\]"),
        ((SAMPLES.astype(float), RATE), "from -1 to 1, got a magnitude of .* divide them by 32768"),
        ((np.array([0, np.nan]), RATE), "magnitude of nan"),
        ((SAMPLES.astype(np.int64), RATE), "got int64"),
        ({"array": SAMPLES}, "must have array and sampling_rate"),
        ("none.wav", "none.wav: "),
        (b"x" * 100, "the sound: "),
        (b"", "is empty"),
        (None, "expected a path, a sound file as bytes"),
        (3, r"got 3 \(int\)"),
    ],
)
def test_what_is_not_a_sound_is_named(sound, words):
    with pytest.raises(UsageError, match=words):
        to_wav(sound)
