"""Measures of sounds against SciPy and closed forms."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import signal

from perceiver_keras.data.described import sounds
from perceiver_keras.data.described.decode import Decoded, decoded
from perceiver_keras.data.wav_file import encode

RATE = 16_000
TIME = np.arange(RATE) / RATE


def measured(samples, rate=RATE) -> dict:
    return sounds.describe(decoded("sound", encode(samples, rate)))


@pytest.mark.parametrize("hertz", [200.0, 1000.0, 3000.0])
@pytest.mark.parametrize("amplitude", [0.9, 0.1])
def test_a_sine_has_its_frequency_and_level(hertz, amplitude):
    found = measured(amplitude * np.sin(2 * np.pi * hertz * TIME))
    assert found["level"] == pytest.approx(20 * np.log10(amplitude / np.sqrt(2)), abs=0.01)
    assert found["centroid"] == pytest.approx(hertz, rel=0.02)
    assert (found["rate"], found["channels"], found["seconds"]) == (RATE, 1, 1.0)
    assert (found["clipped"], found["silent"]) == (0, 0)


def test_the_centroid_of_noise_is_scipys():
    noise = np.random.default_rng(0).normal(size=RATE) * 0.1
    noise = signal.lfilter([1], [1, -0.7], noise) * 0.3
    frequencies, power = signal.welch(noise, RATE, nperseg=1024)
    want = (frequencies * power).sum() / power.sum()
    assert measured(noise)["centroid"] == pytest.approx(want, rel=0.05)


def test_half_the_rate_shows_whether_the_header_says_so_or_not():
    sine = 0.5 * np.sin(2 * np.pi * 1000 * TIME)
    said = measured(sine, RATE // 2)  # played at half the speed
    assert (said["rate"], said["seconds"]) == (RATE // 2, 2.0)
    assert said["centroid"] == pytest.approx(500, rel=0.02)
    lost = measured(sine[::2], RATE)  # samples were dropped and nothing says so
    assert lost["seconds"] == 0.5 and lost["centroid"] == pytest.approx(2000, rel=0.02)


def test_silence_and_clipping_are_shares():
    quiet = np.zeros(RATE)
    found = measured(quiet)
    assert (found["level"], found["silent"], found["centroid"]) == (sounds.FLOOR, 1, 0)
    half = np.where(TIME < 0.5, 0.0, 0.5 * np.sin(2 * np.pi * 440 * TIME))
    assert measured(half)["silent"] == pytest.approx(0.5)
    loud = np.clip(4 * np.sin(2 * np.pi * 440 * TIME), -1, 1)
    # |sin| > 1/4 for all but 2 asin(1/4) / pi of the time.
    assert measured(loud)["clipped"] == pytest.approx(1 - 2 * np.arcsin(0.25) / np.pi, abs=0.005)


def test_channels_are_averaged_in_power():
    stereo = np.stack([0.5 * np.sin(2 * np.pi * 440 * TIME), np.zeros(RATE)], 1)
    found = measured(stereo)
    assert found["channels"] == 2
    assert found["level"] == pytest.approx(10 * np.log10(0.125 / 2), abs=0.01)


@given(st.integers(0, 50), st.integers(1, 2), st.sampled_from([1000, 8000, 44_100]))
def test_short_sounds_have_finite_measures(samples, channels, rate):
    values = np.random.default_rng(samples).uniform(-1, 1, [samples, channels])
    found = sounds.describe(Decoded("sound", values.astype(np.float32), rate=rate))
    assert np.isfinite(list(found.values())).all()
    assert found["silent"] == (samples == 0) and 0 <= found["centroid"] <= rate / 2
