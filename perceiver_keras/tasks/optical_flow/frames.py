"""Frames of any kind (arrays, encoded pictures, paths) as the model takes them: float32 [H, W, C] in [-1, 1]."""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import Any

import numpy as np
import tensorflow as tf

from perceiver_keras.data import image
from perceiver_keras.tasks.shared import inputs, pictures

Frame = np.ndarray | bytes | str | os.PathLike | Any  # a picture of any kind, `pictures.TAKES`


def pixels_of(frame: Frame, channels: int = 3, name: str = "frame") -> np.ndarray:
    """Any kind of frame as float32 [H, W, channels] in [-1, 1].

    Raises:
      UsageError: it is not a frame; the message says what it is instead.
    """
    frame = inputs.plain(frame)
    if not pictures.is_pixels(frame):
        encoded = tf.constant(pictures.to_bytes(frame, name))
        return to_unit(image.decode_image(encoded, channels)).numpy()
    pixels = pictures.to_unit_pixels(frame, name)
    if pixels.shape[-1] == 3 and channels == 1:
        pixels = pixels @ np.array(image.LUMA, np.float32)[:, None]
    return np.broadcast_to(2 * pixels - 1, [*pixels.shape[:2], channels])


def to_unit(pixels: tf.Tensor) -> tf.Tensor:
    """uint8 pixels to float32 in [-1, 1], as the model takes them (docs/architecture.md, Training recipes)."""
    return tf.cast(pixels, tf.float32) / 255.0 * 2.0 - 1.0


def different_sizes(name1: str, shape1: Sequence[int], name2: str, shape2: Sequence[int]) -> str:
    """Why two frames are not a pair."""
    (h1, w1), (h2, w2) = shape1[:2], shape2[:2]
    return f"{name1} has {h1}x{w1} pixels and {name2} {h2}x{w2}; the frames of a pair must have the same size."
