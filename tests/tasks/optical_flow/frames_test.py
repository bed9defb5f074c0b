"""Frames of every kind are the same numbers, and what is not a frame is named."""

from __future__ import annotations

import numpy as np
import pytest
import tensorflow as tf

from perceiver_keras.errors import UsageError
from perceiver_keras.tasks.optical_flow.frames import different_sizes, pixels_of, to_unit

RNG = np.random.default_rng(7)
COLOUR = RNG.integers(0, 256, (4, 5, 3), dtype=np.uint8)
ALPHA = np.concatenate([COLOUR, RNG.integers(0, 256, (4, 5, 1), dtype=np.uint8)], axis=-1)


def png(array):
    return tf.io.encode_png(array).numpy()


KINDS = {
    "uint8": COLOUR,
    "uint8 with alpha": ALPHA,
    "uint16": COLOUR.astype(np.uint16) * 257,
    "float32": (COLOUR / 255).astype(np.float32),
    "float64": COLOUR / 255,
    "tensor": tf.constant(COLOUR),
    "encoded": png(COLOUR),
    "encoded with alpha": png(ALPHA),
    "encoded, 16 bits": png(COLOUR.astype(np.uint16) * 257),
}


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_is_scaled_to_plus_minus_one(kind):
    """0, 127.5 and 255 of 255 are -1, 0 and 1, in colour and as luma (ITU-R BT.601)."""
    found = pixels_of(KINDS[kind])
    assert found.dtype == np.float32
    np.testing.assert_allclose(found, COLOUR / 127.5 - 1, atol=1e-6)
    luma = (COLOUR @ [0.299, 0.587, 0.114])[..., None]
    half_a_level = 0.5 / 127.5 + 1e-6  # an encoded picture becomes grey in whole levels
    np.testing.assert_allclose(pixels_of(KINDS[kind], 1), luma / 127.5 - 1, atol=half_a_level)


def test_grey_is_repeated_and_a_path_is_read(tmp_path):
    grey = COLOUR[..., :1]
    expected = np.repeat(grey, 3, axis=-1) / 127.5 - 1
    (tmp_path / "grey.png").write_bytes(png(grey))
    for frame in (grey, grey[..., 0], tmp_path / "grey.png", str(tmp_path / "grey.png")):
        np.testing.assert_allclose(pixels_of(frame), expected, atol=1e-6)
    np.testing.assert_allclose(
        to_unit(tf.constant([0, 51, 255], tf.uint8)), [-1, -0.6, 1], atol=1e-6
    )


@pytest.mark.parametrize(
    ("frame", "words"),
    [
        (np.zeros((4, 5, 7)), r"\[H, W, 3\], got the shape \[4, 5, 7\]"),
        (np.zeros((0, 5, 3)), "shape"),
        (np.full((4, 5, 3), 200.0), "0 to 1, got 200 to 200"),
        (np.full((4, 5, 3), np.nan), "from 0 to 1, got nan"),
        (np.zeros((4, 5, 3), np.int64), "got int64"),
        (b"no picture", "not a PNG, JPEG"),
        (png(np.zeros((9, 9, 3), np.uint8))[:-20], "truncated PNG"),
        ("nowhere.png", "nowhere.png: No such file"),
    ],
)
def test_what_is_not_a_frame_is_named(frame, words):
    with pytest.raises(UsageError, match=words):
        pixels_of(frame)


def test_sizes_that_differ_are_given_as_rows_and_columns():
    words = different_sizes("a.png", (4, 6, 3), "b.png", (5, 6))
    assert words.startswith("a.png has 4x6 pixels and b.png 5x6")
