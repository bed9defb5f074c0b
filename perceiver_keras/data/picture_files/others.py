"""Files that are not pictures TensorFlow decodes, by their first bytes: what they are, and what to do."""

from __future__ import annotations

import numpy as np
import tensorflow as tf

from perceiver_keras.data.picture_files.header import first, length_of, numbers, part

UNKNOWN = "not a PNG, JPEG, GIF or BMP"

# (place, bytes there, what the file is).
_MAGIC = (
    (8, b"WEBP", "a WebP picture"),
    (4, b"ftypavif", "an AVIF picture"),
    (4, b"ftypavis", "an AVIF picture"),
    *((4, b"ftyp" + brand, "a HEIC picture") for brand in (b"heic", b"heix", b"heim", b"heis")),
    *((4, b"ftyp" + brand, "a HEIC picture") for brand in (b"hevc", b"hevx", b"mif1", b"msf1")),
    (0, b"II*\0", "a TIFF picture"),
    (0, b"MM\0*", "a TIFF picture"),
    (0, b"II+\0", "a TIFF picture"),
    (0, b"MM\0+", "a TIFF picture"),
    (0, b"\xff\x0a", "a JPEG XL picture"),
    (4, b"JXL \r\n\x87\n", "a JPEG XL picture"),
    (4, b"jP  \r\n\x87\n", "a JPEG 2000 picture"),
    (0, b"\xff\x4f\xff\x51", "a JPEG 2000 picture"),
    (0, b"8BPS", "a Photoshop picture"),
    (0, b"\0\0\1\0", "an icon"),
    (0, b"%PDF", "a PDF page"),
    *((0, b"P%d" % kind, "a PPM, PGM or PBM picture") for kind in range(1, 8)),
)
_ANY = -1
_TABLE = np.array(
    [[_ANY] * at + list(magic) + [_ANY] * (16 - at - len(magic)) for at, magic, _ in _MAGIC]
)
_BEGIN = r"(?is)(\xEF\xBB\xBF|\x{FEFF})?\s*(<\?xml[^>]*>|<!--.*?-->|<!DOCTYPE svg[^>]*>|\s)*"


def problem(encoded: tf.Tensor) -> tf.Tensor:
    """What the file is, as the reason why it can't be decoded."""
    begin = numbers(encoded, 0, len(_TABLE[0]))
    fits = tf.reduce_all((begin == _TABLE) | (_TABLE == _ANY), axis=1)
    known = tf.gather([name for _, _, name in _MAGIC], tf.argmax(fits))
    advice = tf.strings.join([known, "; convert it to PNG or JPEG"])
    # Only what begins as text is searched: other bytes are no characters.
    head = part(encoded, 0, 1024)
    svg = tf.strings.regex_full_match(head, _BEGIN + r"<svg[\s>]\C*")
    page = tf.strings.regex_full_match(head, r"(?is)\s*<(!DOCTYPE html|html)[\s>]\C*")
    return first(
        (length_of(encoded) == 0, "empty"),
        (tf.reduce_any(fits), advice),
        (svg, "an SVG drawing; convert it to PNG or JPEG"),
        (page, "a web page, not a picture"),
        otherwise=UNKNOWN,
    )


def size(encoded: tf.Tensor) -> tf.Tensor:
    """Zeros: its size can't be known."""
    return tf.zeros([2], tf.int64)


def decode(encoded: tf.Tensor) -> tf.Tensor:
    """Never used: every other file has a `problem`."""
    return tf.zeros([0, 0, 3], tf.uint8)
