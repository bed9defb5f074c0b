"""GIF: its first picture alone, on the canvas that the file declares.

What follows the first picture is cut off before decoding: giflib would unpack all of an animation, gigabytes for a
small file, and would refuse one whose last picture is truncated.
"""

from __future__ import annotations

import tensorflow as tf

from perceiver_keras.data.picture_files.header import (
    first,
    length_of,
    number,
    numbers,
    part,
    size_reasons,
)

MAGIC = b"GIF8"
_EXTENSION, _PICTURE = 0x21, 0x2C


def size(encoded: tf.Tensor) -> tf.Tensor:
    """(rows, columns), int64 [2], of the canvas, enlarged if the first picture goes beyond it."""
    return _sizes(encoded, _first_picture(encoded))[0]


def problem(encoded: tf.Tensor) -> tf.Tensor:
    """Why it can't be decoded, as far as that can be known without decoding it."""
    at = _first_picture(encoded)
    canvas, _, picture = _sizes(encoded, at)
    end = length_of(encoded)
    return first(
        (
            tf.maximum(at, _picture_end(encoded, at)) >= end,
            "truncated GIF: the end of its first picture is missing",
        ),
        (number(encoded, at, tf.uint8) != _PICTURE, "damaged GIF: it has no picture"),
        *size_reasons(canvas),
        *size_reasons(picture),
    )


def decode(encoded: tf.Tensor) -> tf.Tensor:
    """uint8 [H, W, 3] of the first picture; black where it leaves the canvas empty."""
    at = _first_picture(encoded)
    canvas, place, picture = (tf.cast(x, tf.int32) for x in _sizes(encoded, at))
    # TensorFlow makes what an extension calls transparent black, so none is kept; and it takes the picture's size for
    # the canvas's: its place must be 0 there.
    alone = tf.strings.join(
        [
            part(encoded, 0, _header_end(encoded)),
            tf.constant(bytes((_PICTURE, 0, 0, 0, 0))),
            part(encoded, at + 5, _picture_end(encoded, at) + 1 - (at + 5)),
            b";",
        ]
    )
    pixels = tf.ensure_shape(tf.io.decode_gif(alone)[0], [None, None, 3])
    covers = tf.reduce_all(canvas == picture)

    def placed() -> tf.Tensor:
        return tf.image.pad_to_bounding_box(pixels, place[0], place[1], canvas[0], canvas[1])

    return tf.cond(covers, lambda: pixels, placed)


def _sizes(encoded: tf.Tensor, at: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor, tf.Tensor]:
    """Rows and columns, int64 [2], of the canvas, of the first picture's place, and of the first picture."""
    screen = numbers(encoded, 6, 2, tf.uint16)[::-1]
    left, top, columns, rows = tf.unstack(numbers(encoded, at + 1, 4, tf.uint16))
    place, picture = tf.stack([top, left]), tf.stack([rows, columns])
    return tf.maximum(screen, place + picture), place, picture


def _colours(flags: tf.Tensor) -> tf.Tensor:
    """The bytes of the table of colours that a byte of flags announces."""
    return tf.where(flags >= 128, 3 * tf.bitwise.left_shift(tf.constant(2, tf.int64), flags % 8), 0)


def _first_picture(encoded: tf.Tensor) -> tf.Tensor:
    """Where the first picture's descriptor is, int64 []; what is there is something else if there is none."""

    def more(at: tf.Tensor) -> tf.Tensor:
        return number(encoded, at, tf.uint8) == _EXTENSION

    def following(at: tf.Tensor) -> tuple[tf.Tensor]:
        return (_blocks_end(encoded, at + 2) + 1,)

    return tf.while_loop(more, following, [_header_end(encoded)])[0]


def _header_end(encoded: tf.Tensor) -> tf.Tensor:
    """How long the header and the canvas's table of colours are, int64 []."""
    return 13 + _colours(number(encoded, 10, tf.uint8))


def _picture_end(encoded: tf.Tensor, at: tf.Tensor) -> tf.Tensor:
    """Where the empty block is that ends the picture whose descriptor is at `at`; beyond the end if it is missing."""
    return _blocks_end(encoded, at + 11 + _colours(number(encoded, at + 9, tf.uint8)))


def _blocks_end(encoded: tf.Tensor, at: tf.Tensor) -> tf.Tensor:
    """Where the empty block is that ends a chain of blocks: a length, then as many bytes."""
    end = length_of(encoded)

    def more(at: tf.Tensor) -> tf.Tensor:
        return (at < end) & (number(encoded, at, tf.uint8) > 0)

    def following(at: tf.Tensor) -> tuple[tf.Tensor]:
        # Nearly all blocks are of one length; those are stepped over together.
        step = number(encoded, at, tf.uint8) + 1
        lengths = tf.cast(tf.io.decode_raw(part(encoded, at, end), tf.uint8)[::step], tf.int64)
        alike = tf.cast(tf.math.cumprod(tf.cast(lengths == step - 1, tf.int32)), tf.int64)
        return (at + step * tf.reduce_sum(alike),)

    return tf.while_loop(more, following, [at])[0]
