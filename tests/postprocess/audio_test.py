"""Patches of samples, joined along time."""

from __future__ import annotations

import numpy as np

from perceiver_keras.config import FourierPosition
from perceiver_keras.postprocess.audio import AudioPostprocess
from perceiver_keras.preprocess.audio import AudioPreprocess

SAMPLES = np.random.default_rng(0).uniform(-1, 1, (2, 24, 1)).astype(np.float32)
POSITION = FourierPosition(num_bands=3, max_resolution=(24,))


def test_samples_come_back():
    """Postprocess undoes the patches of preprocess."""
    patches = AudioPreprocess(samples_per_patch=4, position=POSITION)(SAMPLES)[:, :, :4]
    samples = AudioPostprocess(samples_per_patch=4).finish(patches)
    np.testing.assert_array_equal(samples, SAMPLES[:, :, 0])


def test_each_output_gives_the_samples_of_its_patch():
    outputs = np.random.default_rng(1).normal(size=(2, 3, 5)).astype(np.float32)
    layer = AudioPostprocess(samples_per_patch=4)
    samples = layer(outputs)
    kernel, bias = layer.get_weights()
    for patch in range(3):
        expected = outputs[:, patch] @ kernel + bias
        np.testing.assert_allclose(samples[:, 4 * patch : 4 * patch + 4], expected, atol=1e-6)
