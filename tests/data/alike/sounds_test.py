"""Sounds that were changed are found again, and others of the same kind are not taken for them."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.signal import resample_poly

from perceiver_keras.data.alike import sounds
from perceiver_keras.data.alike.part import NEAR, PLAIN
from perceiver_keras.data.builders.perceiver_sounds import perceiver_sounds_dataset_builder as made
from perceiver_keras.data.described.decode import Decoded
from tests.data.alike.samples import bodies, found


def sound(samples: np.ndarray, rate: int = made.RATE) -> Decoded:
    samples = np.asarray(samples, np.float32)
    return Decoded("sound", samples if samples.ndim == 2 else samples[:, None], rate=rate)


def recordings(count: int, seed: int = 0) -> list[np.ndarray]:
    """Mixtures as in the data set `perceiver_sounds`: of two kinds, with soft noise."""
    rng = np.random.default_rng(seed)
    mixtures = []
    for _ in range(count):
        kinds = rng.choice(len(made.KINDS), 2, replace=False)
        noise = rng.normal(scale=0.003, size=made.SAMPLES)
        mixtures.append(noise + sum(made.draw(rng, made.KINDS[kind]) for kind in kinds))
    return mixtures


def change(samples: np.ndarray, how: str) -> Decoded:
    rng = np.random.default_rng(1)
    if how == "noise":  # 35 dB below it
        level = np.sqrt((samples**2).mean()) * 10 ** (-35 / 20)
        return sound(samples + rng.normal(scale=level, size=samples.shape))
    if how == "resampled":
        return sound(resample_poly(samples, 2, 1), 2 * made.RATE)
    if how == "stereo":
        return sound(np.stack([samples, samples], 1))
    if how == "cut":  # 1 % at the start
        return sound(samples[len(samples) // 100 :])
    return sound(np.rint(samples * {"softer": 0.3, "louder": 1.2}[how] * 32767) / 32767)


@pytest.mark.parametrize("how", ["softer", "louder", "noise", "resampled", "stereo", "cut"])
def test_a_changed_sound_is_found(how):
    again = [
        found(sounds.SKETCH, sounds.part(sound(one)), sounds.part(change(one, how)))
        for one in recordings(60)
    ]
    assert np.mean(again) > {"noise": 0.85, "cut": 0.9}.get(how, 0.97)


def test_no_two_sounds_are_the_same_though_they_are_of_the_same_kinds():
    parts = [sounds.part(sound(one)) for one in recordings(300)]
    near = sounds.near(*[bodies([part for part in parts if part.state == NEAR])] * 2)
    np.testing.assert_array_equal(near, np.eye(len(near), dtype=bool))


def test_noises_differ_unless_they_are_the_same_noise():
    rng = np.random.default_rng(3)
    noises = [rng.normal(scale=0.1, size=8000) for _ in range(50)]
    ours = bodies([sounds.part(sound(noise)) for noise in noises])
    softer = bodies([sounds.part(sound(noise / 5)) for noise in noises])
    np.testing.assert_array_equal(sounds.near(ours, softer), np.eye(50, dtype=bool))


def test_silence_is_plain():
    assert sounds.part(sound(np.zeros(8000))).state == PLAIN
    assert sounds.part(sound(np.zeros([0, 1]))).state == PLAIN
    assert sounds.part(sound(np.full(8000, sounds.SILENCE))).state == PLAIN


@pytest.mark.parametrize("samples", [1, 7, 100, 8000 * 60])
def test_any_length_has_a_fingerprint(samples):
    part = sounds.part(sound(np.random.default_rng(0).normal(scale=0.1, size=samples)))
    assert not part.body or len(part.body) == sounds.SIZE


def test_another_length_is_another_sound():
    one = recordings(1)[0]
    longer = np.concatenate([one, np.zeros(len(one) // 10)])
    parts = [bodies([sounds.part(sound(samples))]) for samples in (one, longer)]
    assert not sounds.near(*parts).any()
