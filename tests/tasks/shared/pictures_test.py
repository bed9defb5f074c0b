"""Pictures of every kind are the pixels that PIL or NumPy say, and what is not a picture is named."""

from __future__ import annotations

import io

import numpy as np
import pytest
import tensorflow as tf
from PIL import Image

from perceiver_keras.errors import UsageError
from perceiver_keras.tasks.shared import pictures

COLOUR = np.random.default_rng(0).integers(0, 256, (4, 6, 3), np.uint8)
GREY = COLOUR[..., 0]
ALPHA = np.concatenate([COLOUR, 255 - COLOUR[..., :1]], axis=-1)


def encoded(image, kind="PNG", **options):
    buffer = io.BytesIO()
    image.save(buffer, kind, **options)
    return buffer.getvalue()


def pixels(picture):
    return np.asarray(Image.open(io.BytesIO(pictures.to_bytes(picture))).convert("RGB"))


KINDS = {
    "bytes": encoded(Image.fromarray(COLOUR)),
    "file": io.BytesIO(encoded(Image.fromarray(COLOUR))),
    "tensor of bytes": tf.constant(encoded(Image.fromarray(COLOUR))),
    "array of bytes": np.array(encoded(Image.fromarray(COLOUR)), object),
    "uint8": COLOUR,
    "uint16": COLOUR.astype(np.uint16) * 257,
    "float64": COLOUR / 255,
    "float16 is near": (COLOUR / 255).astype(np.float16),
    "with alpha": ALPHA,
    "strided": np.repeat(COLOUR, 2, axis=1)[:, ::2],
    "PIL": Image.fromarray(COLOUR),
    "PIL with alpha": Image.fromarray(ALPHA),
}


@pytest.mark.parametrize("kind", KINDS)
def test_colour_of_every_kind_is_the_same(kind):
    assert pictures.is_picture(KINDS[kind]) or "of bytes" in kind
    np.testing.assert_array_equal(pixels(KINDS[kind]), COLOUR)


def test_paths(tmp_path):
    for name in ("a.png", "A.PNG", "no suffix"):
        (tmp_path / name).write_bytes(encoded(Image.fromarray(COLOUR)))
        for path in (tmp_path / name, str(tmp_path / name)):
            np.testing.assert_array_equal(pixels(path), COLOUR)


@pytest.mark.parametrize(
    "mode", ["1", "L", "LA", "P", "PA", "RGBA", "RGBX", "CMYK", "YCbCr", "HSV"]
)
def test_pil_images_of_every_mode_are_what_pil_makes_of_them(mode):
    image = Image.fromarray(ALPHA).convert("RGB").convert("L" if mode in ("LA", "PA") else mode)
    image = image.convert(mode)
    np.testing.assert_array_equal(pixels(image), np.asarray(image.convert("RGB")))


def test_grey_of_16_bits_keeps_its_upper_8_and_flow_keeps_all():
    deep = GREY.astype(np.uint16) * 256 + 200
    for image in (Image.fromarray(deep), Image.fromarray(deep.astype(np.int32)), deep):
        found = tf.io.decode_png(pictures.to_bytes(image)).numpy()
        np.testing.assert_array_equal(found[..., 0], GREY)
        np.testing.assert_allclose(pictures.to_unit_pixels(image)[..., 0], deep / 65535, rtol=1e-6)
    shares = GREY.astype(np.float32) / 255
    np.testing.assert_array_equal(pixels(Image.fromarray(shares))[..., 0], GREY)


def test_a_dark_picture_is_as_deep_as_its_file_says():
    """PIL opens 16 bits as I;16, and older ones as I, which in memory may also be 8 bits; by the values alone."""
    dark = GREY.astype(np.uint16) % 200
    png = encoded(Image.fromarray(dark))
    assert png[24] == 16, "the bit depth in IHDR"
    older = Image.open(io.BytesIO(png))
    older.load()
    older = Image.Image.convert(older, "I")
    older.format = "PNG"
    pgm = b"P5 6 4 1000 " + dark.astype(">u2").tobytes()
    same = [png, Image.open(io.BytesIO(png)), older, Image.fromarray(dark), dark]
    same.append(Image.open(io.BytesIO(encoded(Image.fromarray(dark), "TIFF"))))
    for image in same:
        found = tf.io.decode_png(pictures.to_bytes(image), dtype=tf.uint16).numpy()
        np.testing.assert_array_equal(found[..., 0] >> 8, dark >> 8)
    for image in same[1:]:
        np.testing.assert_allclose(pictures.to_unit_pixels(image)[..., 0], dark / 65535)
    of_1000 = pictures.to_unit_pixels(Image.open(io.BytesIO(pgm)))[..., 0]
    np.testing.assert_allclose(of_1000, dark / 1000, atol=1 / 65535)
    for image in (Image.fromarray(GREY).convert("I"), Image.fromarray(GREY.astype(np.int32))):
        np.testing.assert_array_equal(pixels(image)[..., 0], GREY)
        np.testing.assert_allclose(pictures.to_unit_pixels(image)[..., 0], GREY / 255, rtol=1e-6)


def test_grey_and_truth_values():
    for grey in (GREY, GREY[..., None]):
        np.testing.assert_array_equal(pixels(grey), np.repeat(GREY[..., None], 3, -1))
    np.testing.assert_array_equal(pixels(GREY > 99)[..., 0], (GREY > 99) * 255)


def test_a_photograph_opened_by_pil_is_turned_as_it_says():
    exif = Image.Exif()
    exif[0x0112] = 6  # turn a quarter clockwise to see it
    photograph = Image.open(io.BytesIO(encoded(Image.fromarray(COLOUR), exif=exif)))
    np.testing.assert_array_equal(pixels(photograph), np.rot90(COLOUR, -1))


@pytest.mark.parametrize(
    ("picture", "words"),
    [
        (np.zeros((3, 8, 9), np.uint8), r"shape \[3, 8, 9\], which looks like channels first"),
        (np.zeros((1, 28, 28)), "channels first"),
        (np.zeros((5, 6, 7)), r"got the shape \[5, 6, 7\]"),
        (np.zeros(7, np.uint8), r"got the shape \[7\]"),
        (np.array(7, np.uint8), r"got the shape \[\]"),
        (np.zeros((0, 5, 3), np.uint8), r"shape \[0, 5, 3\]"),
        (np.full((4, 5, 3), 200.0), "from 0 to 1, got 200 to 200; divide them by 255"),
        (np.full((4, 5), np.nan), "from 0 to 1, got nan"),
        (np.full((4, 5), np.inf), "from 0 to 1, got inf"),
        (np.zeros((4, 5, 3), np.int64), "got int64"),
        (np.zeros((4, 5, 3), complex), "got complex128"),
        (Image.fromarray(np.full((2, 2), 70_000, np.int32)), "0 to 65535, got 70000"),
        (Image.fromarray(np.full((2, 2), 70, np.float32)), "from 0 to 1, got 70"),
        (b"x", "not a PNG, JPEG"),
        (b"", "is empty"),
        ("none.png", "none.png: No such file"),
        (None, "expected a path, an encoded picture as bytes, a PIL image"),
        (3, r"got 3 \(int\)"),
        ([[0, 1], [2, 3]], "got a list of 2"),
    ],
)
def test_what_is_not_a_picture_is_named(picture, words):
    with pytest.raises(UsageError, match=words):
        pictures.to_bytes(picture)


def test_a_pil_image_of_a_cut_file_is_named():
    cut = encoded(Image.fromarray(np.tile(COLOUR, (20, 20, 1))))[:-200]
    with pytest.raises(UsageError, match="the PIL image can't be read"):
        pictures.to_bytes(Image.open(io.BytesIO(cut)))
