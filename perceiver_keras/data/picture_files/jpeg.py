"""JPEG: its size, its orientation in EXIF, and whether its end is there. libjpeg decodes it.

EXIF 2.3, sections 4.5.2 and 4.6.2: the segment APP1 begins with "Exif\\0\\0" and a TIFF header; tag 0x0112 of its first
directory is a SHORT from 1 to 8 that says how the stored rows and columns lie in the picture. Thumbnails are in the
second directory, with an orientation of their own, and are not looked at.
"""

from __future__ import annotations

import struct

import tensorflow as tf

from perceiver_keras.data.picture_files.header import (
    choose,
    first,
    length_of,
    number,
    numbers,
    part,
    size_reasons,
)

MAGIC = b"\xff\xd8\xff"
_ORIENTATION, _SHORT = 0x0112, 3
_EXIF = (0xFFE1, *struct.unpack(">3H", b"Exif\0\0"))  # the marker, then the words after the length
_HEAD = 256 << 10  # bytes in which the segment must begin
_MOST_STEPS = 2000  # through a header's segments; what lies further is not looked for


def size(encoded: tf.Tensor) -> tf.Tensor:
    """(rows, columns), int64 [2], of the picture after `orient`."""
    stored = tf.io.extract_jpeg_shape(encoded)  # an error where libjpeg finds no such header
    return tf.cast(turned_shape(stored, orientation(encoded)), tf.int64)[:2]


def problem(encoded: tf.Tensor) -> tf.Tensor:
    """Why it can't be decoded, as far as that can be known without decoding it."""
    end = length_of(encoded)

    last = part(encoded, end - 2, 2) == b"\xff\xd9"
    has_end = choose(
        tf.cast(last, tf.int32), [_has_end, lambda encoded: tf.constant(True)], encoded
    )
    # An error where libjpeg finds no header.
    declared = tf.cond(
        has_end,
        lambda: tf.cast(tf.io.extract_jpeg_shape(encoded)[:2], tf.int64),
        lambda: tf.ones([2], tf.int64),
    )
    return first(
        (tf.logical_not(has_end), "truncated JPEG: its end is missing"), *size_reasons(declared)
    )


def _has_end(encoded: tf.Tensor) -> tf.Tensor:
    """Whether the marker of the end is there; bytes may follow it."""
    # From the first scan on 0xff 0xd9 can only be the end: in pixels 0xff is followed by 0.
    after = part(encoded, _segments(encoded)[1], length_of(encoded))
    data = tf.cast(tf.io.decode_raw(after, tf.uint8), tf.int32)
    return tf.reduce_any((data[:-1] == 0xFF) & (data[1:] == 0xD9))


def decode(encoded: tf.Tensor) -> tf.Tensor:
    """uint8 [H, W, 1 or 3], turned as its EXIF says."""
    return orient(tf.io.decode_jpeg(encoded, channels=0), orientation(encoded))


# === Orientation ===


def orient(pixels: tf.Tensor, turned: tf.Tensor) -> tf.Tensor:
    """[H, W, C] as stored, to how it is looked at: [H, W, C], or [W, H, C] for 5 to 8."""

    def changed() -> tf.Tensor:
        up = tf.cond(turned >= 5, lambda: tf.transpose(pixels, [1, 0, 2]), lambda: pixels)
        return tf.reverse(up, tf.boolean_mask([0, 1], tf.stack(_flips(turned))))

    return tf.cond(turned > 1, changed, lambda: pixels)


def turned_shape(shape: tf.Tensor, turned: tf.Tensor) -> tf.Tensor:
    """[3]: rows, columns and channels as stored, to those of the picture after `orient`."""
    return tf.where(turned >= 5, tf.gather(shape, [1, 0, 2]), shape)


def stored_box(box: tf.Tensor, shape: tf.Tensor, turned: tf.Tensor) -> tf.Tensor:
    """Where a box of the picture after `orient` lies in it as stored.

    Args:
      box: int32 [4]: top, left, height, width, in the picture after `orient`.
      shape: int32 [2 or 3] of that picture.
      turned: The orientation.
    """
    upside, sideways = _flips(turned)
    top, left, height, width = tf.unstack(box)
    top = tf.where(upside, shape[0] - top - height, top)
    left = tf.where(sideways, shape[1] - left - width, left)
    return tf.where(
        turned >= 5, tf.stack([left, top, width, height]), tf.stack([top, left, height, width])
    )


def _flips(turned: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
    """Whether the rows, and the columns, are reversed, after rows have become columns for 5 to 8."""
    return (
        tf.gather([False, False, False, True, True, False, False, True, True], turned),
        tf.gather([False, False, True, True, False, False, True, True, False], turned),
    )


def orientation(encoded: tf.Tensor) -> tf.Tensor:
    """int32 [], from 1 to 8; 1 where there is no EXIF, or none that can be read."""
    # Most pictures have no EXIF, and a regular expression is the fastest way to know.
    head = part(encoded, 0, _HEAD)
    has_exif = tf.strings.regex_full_match(head, r"\C*Exif\x00\x00\C*")
    return choose(
        tf.cast(has_exif, tf.int32), [lambda encoded: tf.constant(1), _exif_orientation], encoded
    )


def _segments(encoded: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
    """Where the first EXIF segment is (0 if there is none) and where the first scan begins, int64 [] each."""
    end = length_of(encoded)
    zero, one = tf.constant(0, tf.int64), tf.constant(1, tf.int64)

    def more(at: tf.Tensor, exif: tf.Tensor, marker: tf.Tensor) -> tf.Tensor:
        return (marker != 0xFFDA) & (at < end)

    def following(at: tf.Tensor, exif: tf.Tensor, _: tf.Tensor) -> tuple[tf.Tensor, ...]:
        words = numbers(encoded, at, 5, tf.uint16, little_endian=False)
        marker, length, *name = tf.unstack(words)
        is_exif = (exif == 0) & tf.reduce_all(tf.stack([marker, *name]) == _EXIF)
        # Bytes before a marker are skipped one by one, as libjpeg does.
        step = tf.where((marker < 0xFF02) | (marker == 0xFFFF), one, 2 + length)
        step = tf.where((marker >= 0xFFD0) & (marker <= 0xFFD8), 2 * one, step)
        return at + step, tf.where(is_exif, at, exif), marker

    at, exif, _ = tf.while_loop(
        more, following, [zero + 2, zero, zero], maximum_iterations=_MOST_STEPS
    )
    return exif, at


def _exif_orientation(encoded: tf.Tensor) -> tf.Tensor:
    """The orientation in the first EXIF segment."""
    at, _ = _segments(encoded)
    length = number(encoded, at + 2, tf.uint16, little_endian=False)
    tiff = part(encoded, at + 10, length - 8)
    intel = part(tiff, 0, 4) == b"II*\0"
    known = intel | (part(tiff, 0, 4) == b"MM\0*")

    def read(place: tf.Tensor, dtype: tf.DType) -> tf.Tensor:
        return tf.where(intel, number(tiff, place, dtype), number(tiff, place, dtype, False))

    directory = read(tf.constant(4, tf.int64), tf.int32)
    count = tf.where(directory >= 8, read(directory, tf.uint16), 0)
    entries = part(tiff, directory + 2, 12 * count)
    entries = part(entries, 0, length_of(entries) // 12 * 12)
    words = tf.where(
        intel,
        tf.io.decode_raw(entries, tf.uint16),
        tf.io.decode_raw(entries, tf.uint16, little_endian=False),
    )
    words = tf.reshape(tf.cast(words, tf.int32), [-1, 6])  # tag, kind, count (2), value (2)
    one = (words[:, 2] + words[:, 3] == 1) & (words[:, 1] == _SHORT)
    values = tf.boolean_mask(words[:, 4], one & (words[:, 0] == _ORIENTATION))
    value = tf.concat([[1], values], 0)[-1]
    return tf.where((at > 0) & known & (value >= 1) & (value <= 8), value, 1)
