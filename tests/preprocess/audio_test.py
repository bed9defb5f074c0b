from __future__ import annotations

import numpy as np
import pytest

from perceiver_keras.config import FourierPosition
from perceiver_keras.preprocess.audio import AudioPreprocess

SAMPLES = np.random.default_rng(0).uniform(-1, 1, (2, 24, 1)).astype(np.float32)
POSITION = FourierPosition(num_bands=3, max_resolution=(24,))


def test_patches_and_positions():
    layer = AudioPreprocess(samples_per_patch=4, position=POSITION)
    array = layer(SAMPLES).numpy()
    assert array.shape == (2, 6, 4 + 7) == tuple(layer.compute_output_shape(SAMPLES.shape))
    np.testing.assert_array_equal(array[:, 2, :4], SAMPLES[:, 8:12, 0])
    np.testing.assert_allclose(array[0, :, 4], np.linspace(-1, 1, 6), atol=1e-6)
    np.testing.assert_allclose(
        array[0, :, 7], np.sin(12 * np.pi * np.linspace(-1, 1, 6)), atol=1e-6
    )


def test_samples_that_do_not_divide():
    with pytest.raises(ValueError, match="24 samples can't be cut into patches of 5"):
        AudioPreprocess(samples_per_patch=5, position=POSITION)(SAMPLES)
