"""Frames of any kind (arrays, encoded pictures, paths) as the model takes them: float32 [H, W, C] in [-1, 1]."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import tensorflow as tf

from perceiver_keras.data import image
from perceiver_keras.errors import UsageError

Frame = np.ndarray | bytes | str | os.PathLike  # pixels, an encoded picture, or its path


def pixels_of(frame: Frame, channels: int = 3, name: str = "frame") -> np.ndarray:
    """Any kind of frame as float32 [H, W, channels] in [-1, 1].

    Raises:
      UsageError: it is not a frame; the message says what it is instead.
    """
    if isinstance(frame, (str, os.PathLike)):
        name = os.fspath(frame)
        try:
            frame = Path(frame).read_bytes()
        except OSError as error:
            raise UsageError(f"{name}: {error.strerror or error}.") from None
    if isinstance(frame, bytes):
        if reason := image.check_image(frame):
            raise UsageError(f"{name}: {reason}.")
        return to_unit(image.decode_image(tf.constant(frame), channels)).numpy()
    return _array_pixels(np.asarray(frame), channels, name)


def _array_pixels(array: np.ndarray, channels: int, name: str) -> np.ndarray:
    if array.ndim == 2:
        array = array[..., None]
    if array.ndim != 3 or not 1 <= array.shape[-1] <= 4 or 0 in array.shape:
        raise UsageError(f"{name}: expected pixels [H, W, 3], got the shape {list(array.shape)}.")
    if array.dtype in (np.uint8, np.uint16):
        array = array.astype(np.float32) / np.iinfo(array.dtype).max
    elif np.issubdtype(array.dtype, np.floating):
        array = array.astype(np.float32)
        low, high = float(array.min()), float(array.max())
        if not (low >= 0 and high <= 1):  # also where one is NaN
            raise UsageError(
                f"{name}: floating-point pixels must be from 0 to 1, got {low:g} to {high:g}; "
                "divide them by 255, or give uint8."
            )
    else:
        raise UsageError(
            f"{name}: expected uint8, uint16 or floating-point pixels, got {array.dtype}."
        )
    array = array[..., :3] if array.shape[-1] >= 3 else array[..., :1]  # without alpha
    if array.shape[-1] == 3 and channels == 1:
        array = array @ np.array(image.LUMA, np.float32)[:, None]
    return np.broadcast_to(2 * array - 1, [*array.shape[:2], channels])


def to_unit(pixels: tf.Tensor) -> tf.Tensor:
    """uint8 pixels to float32 in [-1, 1], as the model takes them (docs/architecture.md, Training recipes)."""
    return tf.cast(pixels, tf.float32) / 255.0 * 2.0 - 1.0


def different_sizes(name1: str, shape1: Sequence[int], name2: str, shape2: Sequence[int]) -> str:
    """Why two frames are not a pair."""
    (h1, w1), (h2, w2) = shape1[:2], shape2[:2]
    return f"{name1} has {h1}x{w1} pixels and {name2} {h2}x{w2}; the frames of a pair must have the same size."
