"""PNG: what its header declares, and whether its end is there. libpng decodes it."""

from __future__ import annotations

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

MAGIC = b"\x89PNG\r\n\x1a\n"
_CHANNELS = (1, 0, 3, 1, 2, 0, 4)  # by the header's colour type
_MOST_PACKED = 1033  # bytes that one byte of deflate expands to, at most (zlib's technical notes)


def size(encoded: tf.Tensor) -> tf.Tensor:
    """(rows, columns) as declared, int64 [2]."""
    return numbers(encoded, 16, 2, tf.int32, little_endian=False)[::-1]


def problem(encoded: tf.Tensor) -> tf.Tensor:
    """Why it can't be decoded, as far as that can be known without decoding it."""
    declared = size(encoded)
    bits, colour = tf.unstack(numbers(encoded, 24, 2))
    channels = tf.gather(tf.constant(_CHANNELS, tf.int64), tf.minimum(colour, 6))
    unpacked = tf.reduce_prod(declared) * bits * channels // 8
    return first(
        (tf.logical_not(_has_end(encoded)), "truncated PNG: its end is missing"),
        *size_reasons(declared),
        (
            unpacked > _MOST_PACKED * length_of(encoded),
            "damaged PNG: it declares more pixels than its bytes can hold",
        ),
    )


def decode(encoded: tf.Tensor) -> tf.Tensor:
    """uint8 [H, W, 1..4]; 16 bits per channel keep their upper 8."""
    return tf.io.decode_png(encoded, channels=0)


def _has_end(encoded: tf.Tensor) -> tf.Tensor:
    """Whether the part IEND is there. Bytes may follow it, as cameras and tools append them."""
    last = part(encoded, length_of(encoded) - 8, 4) == b"IEND"
    return choose(
        tf.cast(last, tf.int32), [_end_is_further_up, lambda encoded: tf.constant(True)], encoded
    )


def _end_is_further_up(encoded: tf.Tensor) -> tf.Tensor:
    end = length_of(encoded)

    def more(at: tf.Tensor) -> tf.Tensor:
        return (at + 12 <= end) & (part(encoded, at + 4, 4) != b"IEND")

    def following(at: tf.Tensor) -> tuple[tf.Tensor]:
        length = number(encoded, at, tf.int32, little_endian=False)
        return (at + 12 + tf.where(length < 0, end, length),)

    (at,) = tf.while_loop(more, following, [tf.constant(len(MAGIC), tf.int64)])
    return at + 12 <= end
