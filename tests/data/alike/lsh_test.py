"""Planes that are nearly the same share a key; others seldom do."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.ndimage import gaussian_filter

from perceiver_keras.data.alike import lsh


def planes(count: int, shape=(24, 24)) -> np.ndarray:
    rng = np.random.default_rng(0)
    return np.stack([gaussian_filter(rng.normal(size=shape), 3) for _ in range(count)])


@pytest.mark.parametrize("shape", [(24, 24), (16, 32), (24, 48)])
def test_a_little_noise_leaves_a_key(shape):
    found = planes(100, shape)
    noise = np.random.default_rng(1).normal(size=found.shape) * found.std() * 0.1
    shared = [
        set(lsh.keys(a)) & set(lsh.keys(b)) for a, b in zip(found, found + noise, strict=True)
    ]
    assert np.mean(list(map(bool, shared))) > 0.97


def test_gain_and_offset_change_no_key():
    for plane in planes(20):
        assert lsh.keys(3 * plane + 7) == lsh.keys(plane)


def test_others_seldom_share_one():
    keys = [set(lsh.keys(plane)) for plane in planes(200)]
    shared = sum(bool(keys[i] & keys[j]) for i in range(200) for j in range(i))
    assert shared < 0.005 * 200 * 199 / 2


def test_there_are_few_and_all_differ():
    for plane in planes(20):
        assert len(set(lsh.keys(plane))) == lsh.KEYS
