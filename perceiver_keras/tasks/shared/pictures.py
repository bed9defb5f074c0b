"""One picture of any kind that Python programs have: as an encoded file, or as pixels."""

from __future__ import annotations

import os
from typing import Any

import numpy as np
import tensorflow as tf

from perceiver_keras.data import image
from perceiver_keras.data.picture_files.header import MAX_PIXELS
from perceiver_keras.errors import UsageError
from perceiver_keras.tasks.shared import inputs

TAKES = (
    "a path, an encoded picture as bytes, a PIL image, or pixels [H, W], [H, W, 1] or [H, W, 3] (uint8, uint16, or "
    "floating-point from 0 to 1)"
)


def check_channels(config: Any) -> None:
    """Raises `UsageError` if stored pictures can't be decoded to the model's channels."""
    if config.model.channels not in (1, 3):
        raise UsageError(
            f"model.channels is {config.model.channels}, but stored pictures are decoded as 1 channel (grey) or 3 "
            "(colour); add --set model.channels=3."
        )


def is_picture(value: Any) -> bool:
    """Whether it is meant as one picture; an array [N, H, W, C] is several."""
    if inputs.is_numbers(value):
        return value.ndim != 4
    return isinstance(value, (str, bytes, os.PathLike)) or is_pixels(value) or inputs.is_file(value)


def is_pixels(value: Any) -> bool:
    """Whether it is a decoded picture: an array or a PIL image."""
    return inputs.is_numbers(value) or inputs.is_pil(value)


def to_bytes(picture: Any, name: str = "the picture") -> bytes:
    """Any kind of picture as an encoded file that `image.decode_image` takes.

    Raises:
      UsageError: it is not a picture; the message says what it is instead.
    """
    picture = inputs.plain(picture)
    if is_pixels(picture):
        array = _checked(_array(picture, name), name)
        if array.dtype.kind == "f":
            array = np.rint(255 * array).astype(np.uint8)
        if array.dtype == bool:
            array = array.astype(np.uint8) * 255
        return tf.io.encode_png(np.ascontiguousarray(array), compression=1).numpy()
    if not is_picture(picture):
        raise UsageError(f"{name}: expected {TAKES}; got {inputs.kind_of(picture)}.")
    encoded = inputs.bytes_of(picture, name)
    if reason := image.check_image(encoded):
        where = os.fspath(picture) if isinstance(picture, (str, os.PathLike)) else name
        raise UsageError(f"{where}: {reason}.")
    return encoded


def to_unit_pixels(picture: Any, name: str = "the picture") -> np.ndarray:
    """An array or a PIL image as float32 [H, W, 1] or [H, W, 3] from 0 to 1, without loss; raises as `to_bytes`."""
    array = _checked(_array(inputs.plain(picture), name), name)
    if array.dtype.kind == "u":
        return array.astype(np.float32) / np.iinfo(array.dtype).max
    return array.astype(np.float32)


def _array(picture: Any, name: str) -> np.ndarray:
    """Pixels as they are, also those of a PIL image, turned as its EXIF orientation says and without alpha."""
    if not inputs.is_pil(picture):
        return np.asarray(picture)
    from PIL import ImageOps

    try:
        turned = ImageOps.exif_transpose(picture)
        if turned.mode in ("1", "L", "LA", "La"):
            return np.asarray(turned.convert("L"))
        if turned.mode == "F":
            return np.asarray(turned)
        if turned.mode.startswith("I"):
            numbers = np.asarray(turned)
            if numbers.size and not 0 <= numbers.min() <= numbers.max() <= 65535:
                raise UsageError(
                    f"{name}: a PIL image of mode {picture.mode} must have values from 0 to 65535, "
                    f"got {numbers.min()} to {numbers.max()}."
                )
            return numbers.astype(np.uint16 if _is_deep(picture, numbers) else np.uint8)
        return np.asarray(turned.convert("RGB"))
    except (OSError, ValueError, SyntaxError) as error:  # a file that ends early is read only now
        raise UsageError(f"{name}: the PIL image can't be read: {error}.") from None


def _is_deep(picture: Any, numbers: np.ndarray) -> bool:
    """Whether a PIL image of whole numbers has 16 bits: as its file has, or by its numbers where no file says so.

    The mode "I" of a PNG is PIL's for 16 bits alone, and values of a PGM with more than 8 bits are spread to 16. In
    memory and in other files it says nothing: `convert("I")` keeps the values of 8 bits.
    """
    of_16 = picture.mode != "I" or picture.format in ("PNG", "PPM")
    return of_16 or bool(numbers.size and numbers.max() > 255)


def _checked(array: np.ndarray, name: str) -> np.ndarray:
    """bool, uint8, uint16 or floating-point pixels [H, W, 1 or 3]; alpha is dropped."""
    shape = list(array.shape)
    if array.ndim == 2:
        array = array[..., None]
    if len(shape) == 3 and shape[0] in (1, 3, 4) and shape[2] > 4:
        raise UsageError(
            f"{name}: expected pixels [H, W, 3], got the shape {shape}, which looks like channels first; move them to "
            "the end: array.transpose(1, 2, 0)."
        )
    if array.ndim != 3 or not 1 <= array.shape[-1] <= 4 or 0 in array.shape:
        raise UsageError(f"{name}: expected pixels [H, W, 3], got the shape {shape}.")
    if array.shape[0] * array.shape[1] > MAX_PIXELS:
        raise UsageError(f"{name}: {shape[0]} x {shape[1]} pixels are more than {MAX_PIXELS}.")
    if array.dtype.kind == "f":
        low, high = float(array.min()), float(array.max())
        if not (low >= 0 and high <= 1):  # also where one is NaN
            raise UsageError(
                f"{name}: floating-point pixels must be from 0 to 1, got {low:g} to {high:g}; "
                "divide them by 255, or give uint8."
            )
    elif array.dtype not in (np.bool_, np.uint8, np.uint16):
        raise UsageError(
            f"{name}: expected uint8, uint16 or floating-point pixels, got {array.dtype}."
        )
    return array[..., :3] if array.shape[-1] >= 3 else array[..., :1]
