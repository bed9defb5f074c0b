"""Encoded pictures of all kinds, by PIL, and EXIF by hand; and how a graph decodes them."""

from __future__ import annotations

import functools
import io
import struct
from collections.abc import Callable

import numpy as np
import tensorflow as tf
from PIL import Image

from perceiver_keras.data import image

SIZE = (37, 23)  # rows, columns


def smooth(channels: int) -> np.ndarray:
    """A smooth picture, so that JPEG keeps it, uint8 [37, 23, channels]."""
    rows, columns = np.mgrid[0 : SIZE[0], 0 : SIZE[1]]
    planes = [128 + 100 * np.sin(rows / (7 + c) + columns / (9 - c)) for c in range(channels)]
    return np.stack(planes, axis=-1).astype(np.uint8)


def encoded(pixels: np.ndarray, mode: str, kind: str, **options) -> bytes:
    buffer = io.BytesIO()
    Image.fromarray(pixels.squeeze(), mode).save(buffer, kind, **options)
    return buffer.getvalue()


GREY, COLOUR = smooth(1), smooth(3)
FILES = {
    "png grey": (encoded(GREY, "L", "PNG"), 0),
    "png colour": (encoded(COLOUR, "RGB", "PNG"), 0),
    "png grey alpha": (encoded(smooth(2), "LA", "PNG"), 0),
    "png colour alpha": (encoded(smooth(4), "RGBA", "PNG"), 0),
    "png palette": (Image.fromarray(COLOUR).quantize(16), 0),
    "jpeg grey": (encoded(GREY, "L", "JPEG"), 3),
    "jpeg colour": (encoded(COLOUR, "RGB", "JPEG", quality=95), 10),  # coarse colour planes
    "gif": (Image.fromarray(COLOUR).quantize(16), 0),
    "bmp colour": (encoded(COLOUR, "RGB", "BMP"), 0),
}
for name, kind in (("png palette", "PNG"), ("gif", "GIF")):
    _buffer = io.BytesIO()
    FILES[name][0].save(_buffer, kind)
    FILES[name] = (_buffer.getvalue(), 0)


def exif(orientation: int, order: str = "<", count: int = 1, kind: int = 3) -> bytes:
    """A segment's content: a maker, the orientation, and a second directory, of a thumbnail turned otherwise."""
    value = (
        struct.pack(order + "HH", orientation, 0)
        if kind == 3
        else struct.pack(order + "I", orientation)
    )
    entries = struct.pack(order + "HHI4s", 0x010F, 2, 2, b"m\0") + (
        struct.pack(order + "HHI", 0x0112, kind, count) + value
    )
    other = struct.pack(
        order + "HHIHH", 0x0112, 3, 1, 9 - orientation if orientation in range(1, 9) else 6, 0
    )
    first = struct.pack(order + "H", 2) + entries + struct.pack(order + "I", 8 + 2 + 24 + 4)
    mark = b"II*\0" if order == "<" else b"MM\0*"
    thumbnail = encoded(smooth(3)[:8, :8], "RGB", "JPEG")
    return (
        b"Exif\0\0"
        + mark
        + struct.pack(order + "I", 8)
        + first
        + struct.pack(order + "H", 1)
        + other
        + bytes(4)
        + thumbnail
    )


def segment(content: bytes, marker: int = 0xE1) -> bytes:
    return bytes((0xFF, marker)) + struct.pack(">H", len(content) + 2) + content


def with_segments(jpeg: bytes, *segments: bytes) -> bytes:
    """The JPEG with segments after its first marker."""
    return jpeg[:2] + b"".join(segments) + jpeg[2:]


def decoded(content: bytes, channels: int = 3) -> np.ndarray:
    """As tf.data and a served graph decode it, uint8 [H, W, channels]; eagerly it takes many times as long."""
    return _graph(channels)(tf.constant(content)).numpy()


@functools.cache
def _graph(channels: int) -> Callable[[tf.Tensor], tf.Tensor]:
    return tf.function(
        lambda encoded: image.decode_image(encoded, channels),
        input_signature=[tf.TensorSpec([], tf.string)],
    )
