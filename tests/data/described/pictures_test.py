"""Measures of pictures against PIL, SciPy and closed forms."""

import io

import numpy as np
import pytest
from PIL import Image, ImageStat
from scipy import ndimage

from perceiver_keras.data.described import pictures
from perceiver_keras.data.described.decode import Decoded, decoded

COLOURS = np.random.default_rng(0).integers(0, 256, [23, 31, 3], np.uint8)


def measured(pixels) -> dict:
    file = io.BytesIO()
    Image.fromarray(pixels).save(file, "PNG")
    return pictures.describe(decoded("picture", file.getvalue()))


def test_size_format_and_colours_are_pils():
    found, stat = measured(COLOURS), ImageStat.Stat(Image.fromarray(COLOURS))
    assert (found["height"], found["width"], found["side"]) == (23, 31, 23)
    assert (found["channels"], found["format"], found["constant"]) == (3, b"PNG", 0)
    np.testing.assert_allclose([found[c] for c in pictures.COLOURS], stat.mean, rtol=1e-6)
    np.testing.assert_allclose(found["mean"], np.dot(stat.mean, [0.299, 0.587, 0.114]), rtol=1e-5)


def test_grey_has_pils_mean_and_deviation_and_scipys_laplacian():
    grey = COLOURS[..., 0]
    found, stat = measured(grey), ImageStat.Stat(Image.fromarray(grey))
    assert found["channels"] == 1 and not {"red", "green", "blue"} & found.keys()
    np.testing.assert_allclose(
        [found["mean"], found["contrast"]], [stat.mean[0], stat.stddev[0]], 1e-5
    )
    want = ndimage.laplace(grey.astype(float))[1:-1, 1:-1].std()
    np.testing.assert_allclose(found["sharpness"], want, rtol=1e-5)


def test_alpha_counts_as_a_channel_and_nothing_else():
    clear = np.concatenate([COLOURS, np.zeros_like(COLOURS[..., :1])], -1)
    assert measured(clear) == measured(COLOURS) | {"channels": 4}


@pytest.mark.parametrize("shape", [(1, 1), (2, 9), (40, 40, 3)])
def test_a_constant_picture_is_told(shape):
    found = measured(np.full(shape, 77, np.uint8))
    assert found["constant"] == 1 and found["contrast"] == pytest.approx(0, abs=1e-3)
    assert found["sharpness"] == pytest.approx(0, abs=1e-3)
    other = np.full((40, 40), 77, np.uint8)
    other[-1, -1] = 78
    assert measured(other)["constant"] == 0


def test_swapped_channels_inversion_and_blur_show():
    before = measured(COLOURS)
    swapped = measured(COLOURS[..., ::-1])
    assert (swapped["red"], swapped["blue"]) == (before["blue"], before["red"])
    assert swapped["warmth"] == -before["warmth"] == before["blue"] - before["red"]
    inverted = measured(255 - COLOURS)
    assert inverted["mean"] == pytest.approx(255 - before["mean"], rel=1e-5)
    assert inverted["contrast"] == pytest.approx(before["contrast"], rel=1e-5)
    blurred = ndimage.uniform_filter(COLOURS, (3, 3, 1))
    assert measured(blurred)["sharpness"] < before["sharpness"] / 3


def test_brightness_is_pils_luma():
    want = np.asarray(Image.fromarray(COLOURS).convert("L"), float)
    assert np.abs(pictures.luma(COLOURS) - want).max() <= 1
    assert pictures.describe(Decoded("picture", COLOURS))["format"] == b""
