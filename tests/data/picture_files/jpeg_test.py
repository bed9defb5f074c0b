"""EXIF's orientation against PIL: both byte orders, thumbnails, other segments, garbage."""

from __future__ import annotations

import io

import numpy as np
import pytest
import tensorflow as tf
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image, ImageOps

from perceiver_keras.data import image
from perceiver_keras.data.picture_files import jpeg
from tests.data.picture_samples import FILES, decoded, exif, segment, with_segments

PLAIN = FILES["jpeg colour"][0]
read = tf.function(jpeg.orientation, input_signature=[tf.TensorSpec([], tf.string)])


@pytest.mark.parametrize("order", "<>")
@pytest.mark.parametrize("orientation", range(10))
def test_turned_as_pil_turns_it(orientation, order):
    content = with_segments(PLAIN, segment(exif(orientation, order)))
    expected = np.asarray(ImageOps.exif_transpose(Image.open(io.BytesIO(content))))
    found = decoded(content)
    assert image.image_size(content) == expected.shape[:2]
    np.testing.assert_allclose(found, expected.astype(np.int32), atol=10)  # of two JPEG decoders


def test_found_behind_other_segments_fill_bytes_and_stray_bytes():
    mine = segment(exif(6))
    before = {
        "JFIF": b"",
        "XMP, also APP1": segment(b"http://ns.adobe.com/xap/1.0/\0 Exif\0\0 tiff:Orientation=8"),
        "a large profile": segment(b"ICC_PROFILE\0" + bytes(60_000), 0xE2) * 3,
        "fill bytes": b"\xff" * 7,
        "stray bytes": segment(b"", 0xFE) + b"\0abc",
    }
    for name, content in before.items():
        content = with_segments(PLAIN, content, mine)
        assert read(content) == 6, name
        assert image.check_image(content) is None, name
        found = decoded(content)
        np.testing.assert_array_equal(found, decoded(with_segments(PLAIN, mine)))


@pytest.mark.parametrize(
    "content",
    [
        b"Exif\0\0",
        b"Exif\0\0II*\0",
        b"Exif\0\0II*\0\xff\xff\xff\x7f",
        b"Exif\0\0II*\0\xff\xff\xff\xff",
        b"Exif\0\0MM*\0" + exif(6, ">")[10:],
        exif(6)[:20],
        exif(6, count=2),
        exif(6, kind=2),
        exif(0),
        exif(77),
    ],
)
def test_exif_that_says_nothing_is_1(content):
    assert read(with_segments(PLAIN, segment(content))) == 1
    assert image.check_image(with_segments(PLAIN, segment(content))) is None


@settings(max_examples=100, deadline=None)
@given(st.binary(max_size=80), st.integers(0, 60), st.sampled_from("<>"))
def test_no_garbage_does_anything_but_1_to_8(garbage, keep, order):
    content = exif(5, order)[:keep] + garbage
    whole = with_segments(PLAIN, segment(content))
    assert 1 <= int(read(whole)) <= 8 and image.check_image(whole) is None
    assert 1 <= int(read(whole[: keep + len(garbage)])) <= 8


def test_boxes_are_mapped_back():
    stored = np.arange(5 * 7).reshape(5, 7, 1)
    for turned in range(1, 9):
        up = jpeg.orient(tf.constant(stored), tf.constant(turned))
        box = tf.constant([1, 2, 2, 3])
        top, left, height, width = jpeg.stored_box(box, tf.shape(up), tf.constant(turned)).numpy()
        crop = stored[top : top + height, left : left + width]
        np.testing.assert_array_equal(
            jpeg.orient(tf.constant(crop), tf.constant(turned)), up[1:3, 2:5]
        )
