"""A picture's size, brightness, contrast and colours."""

from __future__ import annotations

import numpy as np

from perceiver_keras.data.described.decode import Decoded
from perceiver_keras.data.image_file import LUMA

COLOURS = ("red", "green", "blue")


def describe(picture: Decoded) -> dict[str, float | int | bytes]:
    """The measures of a decoded picture, by name; those of colours only if it has any."""
    pixels = picture.value
    height, width, channels = pixels.shape
    return {
        "height": height,
        "width": width,
        "side": min(height, width),
        "channels": channels,
        "format": picture.format.encode(),
        "constant": int(bool((pixels == pixels[0, 0]).all())),
        **light(pixels),
    }


def light(pixels: np.ndarray) -> dict[str, float]:
    """Brightness, contrast, sharpness, and the mean of each colour, of uint8 [H, W, 1 to 4]; alpha is ignored."""
    grey = luma(pixels)
    found = {
        "mean": float(grey.mean()),
        "contrast": float(grey.std()),
        "sharpness": sharpness(grey),
    }
    if pixels.shape[-1] >= 3:
        # Channel by channel: NumPy is forty times slower along the last axis.
        found |= {name: float(_plane(pixels, place).mean()) for place, name in enumerate(COLOURS)}
        # Pictures differ more in how bright than in how warm they are, so this shows swapped channels first.
        found["warmth"] = found["red"] - found["blue"]
    return found


def luma(pixels: np.ndarray) -> np.ndarray:
    """float32 [H, W] in 0..255 of uint8 [H, W, 1 to 4]."""
    if pixels.shape[-1] < 3:
        return _plane(pixels, 0)
    return sum(_plane(pixels, place) * np.float32(weight) for place, weight in enumerate(LUMA))


def _plane(pixels: np.ndarray, channel: int) -> np.ndarray:
    return pixels[..., channel].astype(np.float32)


def sharpness(grey: np.ndarray) -> float:
    """The standard deviation of the Laplacian (4 neighbours) inside the picture; 0 for one below 3 x 3 pixels."""
    if min(grey.shape) < 3:
        return 0.0
    middle = grey[1:-1, 1:-1]
    around = grey[:-2, 1:-1] + grey[2:, 1:-1] + grey[1:-1, :-2] + grey[1:-1, 2:]
    return float((around - 4 * middle).std())
