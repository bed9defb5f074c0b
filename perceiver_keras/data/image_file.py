"""Encoded pictures to pixels, and why some can't be decoded: PNG, JPEG, GIF and BMP.

`decode_image` runs in tf.data and in the served graph, from TensorFlow's core ops alone. `check_image` and `image_size`
run the same functions from Python, so that they agree with it on every file.
"""

from __future__ import annotations

import functools
import struct
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import tensorflow as tf

from perceiver_keras.data.picture_files import bmp, gif, jpeg, others, png
from perceiver_keras.data.picture_files.header import MAX_PIXELS, choose, part

LUMA = (0.299, 0.587, 0.114)  # ITU-R BT.601; they sum to 1, so that grey stays unchanged
UNREADABLE = "image cannot be decoded: "  # what the graph's error says before the reason

_SMALL = 1 << 10  # pixels of a side: what a file may declare without being looked at closely

_KINDS = {"PNG": png, "JPEG": jpeg, "GIF": gif, "BMP": bmp, "picture": others}


def decode_image(encoded: tf.Tensor, channels: int) -> tf.Tensor:
    """Decodes PNG, JPEG, BMP or the first picture of a GIF, the right way up.

    A JPEG is turned as its EXIF orientation says; a PNG's EXIF is ignored. Alpha is dropped, not composited (like PIL's
    `convert("RGB")`); 16 bits per channel keep their upper 8; grey is repeated to three channels, colour becomes one
    channel of luma.

    Args:
      encoded: string [].
      channels: 1 or 3.

    Returns:
      uint8 [H, W, channels].

    Raises:
      InvalidArgumentError: `check_image` says why.
    """
    return with_channels(_pixels.of_any_kind(encoded), channels)


def with_channels(image: tf.Tensor, channels: int) -> tf.Tensor:
    """uint8 [H, W, 1..4] to uint8 [H, W, channels]; two and four channels end in alpha."""
    if channels not in (1, 3):
        raise ValueError(f"channels is {channels}; expected 1 or 3.")

    def colour() -> tf.Tensor:
        if channels == 3:
            return image[..., :3]
        grey = tf.reduce_sum(tf.cast(image[..., :3], tf.float32) * LUMA, axis=-1, keepdims=True)
        return tf.cast(tf.round(grey), tf.uint8)

    def grey() -> tf.Tensor:
        return tf.repeat(image[..., :1], channels, axis=-1)

    image_out = tf.cond(tf.shape(image)[-1] >= 3, colour, grey)
    return tf.ensure_shape(image_out, [None, None, channels])


# === From Python ===


def decode_as_stored(encoded: bytes) -> np.ndarray:
    """uint8 [H, W, 1..4], with the channels that the file has, alpha included; raises as `decode_image`."""
    # The graph's many small steps cost more than decoding a small picture: plain PNGs need none of them.
    columns, rows = struct.unpack(">II", encoded[16:24]) if len(encoded) > 32 else (0, 0)
    whole = encoded.startswith(png.MAGIC) and encoded[-8:-4] == b"IEND"
    if whole and 0 < rows <= _SMALL and 0 < columns <= _SMALL:
        return _run(png.decode, encoded).numpy()
    return _run(_pixels, encoded).numpy()


def format_of(encoded: bytes) -> str:
    """The format by the first bytes: "PNG", "JPEG", "GIF" or "BMP"; empty if it is none of them."""
    kinds = list(_KINDS.items())[:-1]
    return next((name for name, kind in kinds if encoded.startswith(kind.MAGIC)), "")


# === Checking bytes before they are used (from Python) ===


def check_image(encoded: bytes, max_pixels: int = MAX_PIXELS) -> str | None:
    """Why `decode_image` can't take the bytes, in a readable message; None if it can.

    The size that the header declares is checked first: a file of a few kilobytes may decode to gigabytes.
    """
    try:
        found = _run(_problem, encoded).numpy().decode()
        if found == others.UNKNOWN:
            return f"{found}: {len(encoded)} bytes that begin with {encoded[:8]!r}"
        if found:
            return found
        height, width = image_size(encoded) or (0, 0)
        if height * width > max_pixels:
            return f"declares {height} x {width} pixels, more than the {max_pixels} allowed"
        _run(_decoded, encoded)
    except tf.errors.OpError as error:
        return f"damaged {_name(encoded)}, cannot be decoded: {_decoder_words(error)}"
    return None


def image_size(encoded: bytes) -> tuple[int, int] | None:
    """(rows, columns) of what `decode_image` makes of a header, so after EXIF's turn; None if there is none."""
    try:
        rows, columns = _run(_size, encoded).numpy()
    except tf.errors.OpError:
        return None
    return (int(rows), int(columns)) if rows or columns else None


def _run(function: Callable[[tf.Tensor], tf.Tensor] | _ByKind, encoded: bytes) -> tf.Tensor:
    # One picture is of one kind, and tracing all of them takes seconds.
    chosen = function.of_kind[_name(encoded)] if isinstance(function, _ByKind) else function
    with tf.device("CPU:0"):
        return chosen(tf.constant(encoded))


def _name(encoded: bytes) -> str:
    """The key in `_KINDS`."""
    return format_of(encoded) or list(_KINDS)[-1]


def _decoder_words(error: tf.errors.OpError) -> str:
    lines = [line.strip() for line in error.message.splitlines() if line.strip()]
    told = [line for line in lines if not line.startswith(("Graph exec", "Detected", "File"))]
    return told[0].split("}} ")[-1].split(" [Op:")[0] if told else type(error).__name__


# === One graph for all kinds ===


def _decoder(kind: Any) -> Callable[[tf.Tensor], tf.Tensor]:
    """uint8 [H, W, 1..4]; an error that names the reason if the kind has a problem."""

    def decode(encoded: tf.Tensor) -> tf.Tensor:
        words = tf.strings.join([UNREADABLE, problem := kind.problem(encoded)])
        with tf.control_dependencies([tf.debugging.Assert(problem == "", [words])]):
            pixels = kind.decode(tf.identity(encoded))
        return tf.ensure_shape(pixels, [None, None, None])

    return decode


def _kind(encoded: tf.Tensor) -> tf.Tensor:
    """int32 []: the index in `_KINDS`, by the first bytes, whatever the file's name is."""
    kinds = list(enumerate(_KINDS.values()))
    index = tf.constant(len(kinds) - 1)
    for place, kind in kinds[:-1]:
        index = tf.where(part(encoded, 0, len(kind.MAGIC)) == kind.MAGIC, place, index)
    return index


class _ByKind:
    """A function of a file's bytes for each kind; each is traced once per process, when it is first called.

    Tracing all kinds is slow, and a task's data calls the graph of all kinds for each of its pictures.
    """

    def __init__(self, functions: Sequence[Callable[[tf.Tensor], tf.Tensor]]):
        self.of_kind = dict(zip(_KINDS, map(_traced, functions), strict=True))
        self.of_any_kind = _traced(lambda encoded: choose(_kind(encoded), functions, encoded))


def _traced(function: Callable[[tf.Tensor], tf.Tensor]) -> Callable[[tf.Tensor], tf.Tensor]:
    """As a graph also where `tf.config.run_functions_eagerly` is on: it would be built anew for each picture."""
    signature = [tf.TensorSpec([], tf.string)]
    made = tf.function(function, input_signature=signature, autograph=False)

    @functools.cache
    def graph() -> Callable[[tf.Tensor], tf.Tensor]:
        with tf.init_scope():
            return made.get_concrete_function()

    return lambda encoded: graph()(encoded)


_pixels = _ByKind([_decoder(kind) for kind in _KINDS.values()])
_decoded = _ByKind([kind.decode for kind in _KINDS.values()])  # of what has no problem
_problem = _ByKind([kind.problem for kind in _KINDS.values()])
_size = _ByKind([kind.size for kind in _KINDS.values()])
