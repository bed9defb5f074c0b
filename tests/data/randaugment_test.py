"""RandAugment's operations against PIL, and how often each is drawn."""

from __future__ import annotations

import math

import numpy as np
import pytest
import tensorflow as tf
from PIL import Image, ImageEnhance, ImageFilter, ImageOps

from perceiver_keras.data import randaugment as ra

RNG = np.random.default_rng(11)
ROUGH = RNG.integers(20, 230, (37, 52, 3), dtype=np.uint8)
SMOOTH = np.asarray(
    Image.fromarray(RNG.integers(20, 230, (4, 5, 3), dtype=np.uint8)).resize((60, 44))
)
PICTURES = [ROUGH, SMOOTH]


def seed(number: int) -> tf.Tensor:
    return tf.constant([number, 3], tf.int32)


def pil(pixels: np.ndarray) -> Image.Image:
    return Image.fromarray(pixels)


@pytest.mark.parametrize("pixels", PICTURES, ids=["rough", "smooth"])
@pytest.mark.parametrize(
    ("ours", "theirs", "most"),
    [
        (ra.auto_contrast, ImageOps.autocontrast, 1),
        (ra.equalize, ImageOps.equalize, 0),
        (lambda x: 255 - x, ImageOps.invert, 0),
        (lambda x: ra.posterize(x, 2), lambda x: ImageOps.posterize(x, 2), 0),
        (lambda x: ra.posterize(x, 4), lambda x: ImageOps.posterize(x, 4), 0),
        (lambda x: ra.solarize(x, 128), lambda x: ImageOps.solarize(x, 128), 0),
        (ra.smooth, lambda x: x.filter(ImageFilter.SMOOTH), 1),
        *(
            (
                lambda x, f=f: ra.blend(ra.grey(x), x, f),
                lambda x, f=f: ImageEnhance.Color(x).enhance(f),
                2,
            )
            for f in (0.3, 1.9)
        ),
        *(
            (
                lambda x, f=f: ra.blend(ra.mean_grey(x), x, f),
                lambda x, f=f: ImageEnhance.Contrast(x).enhance(f),
                2,
            )
            for f in (0.3, 1.9)
        ),
        (
            lambda x: ra.blend(tf.zeros_like(x), x, 1.4),
            lambda x: ImageEnhance.Brightness(x).enhance(1.4),
            1,
        ),
        (
            lambda x: ra.blend(ra.smooth(x), x, 1.9),
            lambda x: ImageEnhance.Sharpness(x).enhance(1.9),
            2,
        ),
    ],
)
def test_values_are_pil_s(pixels, ours, theirs, most):
    """`most`: PIL rounds luma and blends where the released code cuts."""
    found = np.asarray(ours(tf.constant(pixels)))
    wanted = np.asarray(theirs(pil(pixels)))
    assert found.dtype == np.uint8
    assert np.abs(found.astype(int) - wanted.astype(int)).max() <= most


@pytest.mark.parametrize(
    ("name", "matrix"),
    [
        ("shear_x", lambda s: (1, 0.15 * s, 0, 0, 1, 0)),
        ("shear_y", lambda s: (1, 0, 0, 0.15 * s, 1, 0)),
        ("translate_x", lambda s: (1, 0, 50 * 0.25 * s, 0, 1, 0)),
        ("translate_y", lambda s: (1, 0, 0, 0, 1, 50 * 0.25 * s)),
        ("rotate", None),
    ],
)
def test_moves_are_pil_s_in_both_directions(name, matrix):
    """At magnitude 5, a quarter of the size: at most 15 degrees, 0.15, 12.5 pixels; grey where nothing is."""
    operation = ra.operations(5.0, 0.25)[name]
    height, width = ROUGH.shape[:2]

    def wanted(sign: int) -> np.ndarray:
        if matrix is None:
            angle = math.radians(15) * sign
            c, s = math.cos(angle), math.sin(angle)
            x, y = (width - 1) / 2, (height - 1) / 2
            a, b, e, d, f, h = c, -s, x - c * x + s * y, s, c, y - s * x - c * y
        else:
            a, b, e, d, f, h = matrix(sign)
        # PIL asks at the centres of pixels, (x + 0.5, y + 0.5), and takes the pixel that holds the point.
        places = (a, b, e + 0.5 - 0.5 * (a + b), d, f, h + 0.5 - 0.5 * (d + f))
        moved = pil(ROUGH).transform(
            (width, height), Image.Transform.AFFINE, places, Image.Resampling.NEAREST,
            fillcolor=(128, 128, 128),
        )  # fmt: skip
        return np.asarray(moved)

    found = [np.asarray(operation(tf.constant(ROUGH), seed(number))) for number in range(12)]
    signs = []
    for one in found:
        same = [(one == wanted(sign)).all(-1).mean() for sign in (1, -1)]
        assert max(same) > 0.9  # but for rows and columns half-way between two
        signs.append(int(np.argmax(same)))
    assert set(signs) == {0, 1}


def test_solarize_add_brightens_what_is_dark():
    found = np.asarray(ra.operations(5.0)["solarize_add"](tf.constant(ROUGH), seed(0)))
    np.testing.assert_array_equal(found, np.where(ROUGH < 128, ROUGH + 55, ROUGH))


def test_cutout_is_a_grey_box_of_forty_pixels_around_any_point():
    white = np.full((100, 120, 1), 255, np.uint8)
    centres = []
    for number in range(60):
        found = np.asarray(ra.operations(5.0)["cutout"](tf.constant(white), seed(number)))[..., 0]
        rows, columns = np.flatnonzero((found == 128).any(1)), np.flatnonzero((found == 128).any(0))
        assert (found[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1] == 128).all()
        assert (found == 128).sum() == len(rows) * len(columns)
        assert 20 <= len(rows) <= 40 and 20 <= len(columns) <= 40  # cut off at the border
        inside = rows[0] > 0 and rows[-1] < 99
        assert not inside or len(rows) == 40
        centres.append(((rows[0] + rows[-1]) / 2, (columns[0] + columns[-1]) / 2))
    assert np.ptp(np.array(centres), axis=0).min() > 60


def test_at_the_released_magnitude_four_operations_change_nothing():
    """Their factor is 5 / 10 * 1.8 + 0.1 = 1."""
    same = {
        name
        for name, operation in ra.operations(5.0).items()
        if (np.asarray(operation(tf.constant(ROUGH), seed(1))) == ROUGH).all()
    }
    assert same == {"color", "contrast", "brightness", "sharpness"}
    stronger = ra.operations(9.0)
    assert all(
        (np.asarray(stronger[name](tf.constant(ROUGH), seed(1))) != ROUGH).any() for name in same
    )


@pytest.mark.parametrize("channels", [1, 3])
def test_each_operation_is_drawn_as_often_and_the_same_seed_gives_the_same(channels):
    pixels = tf.constant(SMOOTH[..., :channels])
    once = tf.function(lambda own: ra.randaugment(pixels, own, layers=1, magnitude=5.0, scale=0.25))
    known = {}
    for name, operation in ra.operations(5.0, 0.25).items():
        if name != "cutout":
            for number in range(20):
                known.setdefault(np.asarray(operation(pixels, seed(number))).tobytes(), name)
    counts: dict[str, int] = {}
    total = 480
    for number in range(total):
        found = once(seed(number)).numpy().tobytes()
        name = known.get(found, "cutout")
        counts[name] = counts.get(name, 0) + 1
    same = counts.pop("color") if channels == 3 else counts.pop("color", 0)
    share = total / 16
    # Five standard deviations; the four that change nothing look alike.
    assert abs(same - 4 * share) < 5 * math.sqrt(4 * share)
    expected = set(ra.operations(5.0)) - {"color", "contrast", "brightness", "sharpness"}
    assert set(counts) == expected
    assert all(abs(count - share) < 5 * math.sqrt(share) for count in counts.values())
    again = once(seed(3)).numpy()
    np.testing.assert_array_equal(again, once(seed(3)).numpy())


def test_layers_follow_each_other():
    """Four layers are four single ones, each with a seed of its own."""
    from perceiver_keras.data.seeds import fold_in

    pixels = tf.constant(SMOOTH)
    found = ra.randaugment(pixels, seed(5), layers=4)
    each = list(ra.operations(5.0).values())
    for layer in range(4):
        own = fold_in(seed(5), layer)
        chosen = int(tf.random.stateless_uniform([], own, maxval=16, dtype=tf.int32, alg="philox"))
        pixels = each[chosen](pixels, fold_in(own, 16))
    np.testing.assert_array_equal(found, pixels)
