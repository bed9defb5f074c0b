"""Pictures, sounds and texts to find again, and what is done to them on the way."""

from __future__ import annotations

import functools
import io

import numpy as np
from PIL import Image, ImageEnhance
from sklearn.datasets import load_digits, load_sample_images


@functools.cache
def photographs() -> tuple[np.ndarray, ...]:
    """Parts of two photographs that do not overlap, uint8 [160, 160, 3]."""
    return tuple(
        image[top : top + 160, left : left + 160]
        for image in load_sample_images().images
        for top in (0, 160)
        for left in (0, 160, 320, 480)
    )


@functools.cache
def digits() -> np.ndarray:
    """uint8 [1797, 8, 8, 1]."""
    return (load_digits().images * 255 / 16).astype(np.uint8)[..., None]


def changed(picture: np.ndarray, how: str) -> np.ndarray:
    """The same picture after one change."""
    image = Image.fromarray(picture if picture.shape[-1] == 3 else picture[..., 0])
    width, height = image.size
    if how == "JPEG":
        buffer = io.BytesIO()
        image.save(buffer, "JPEG", quality=75)
        image = Image.open(buffer)
    elif how in ("half", "double"):
        factor = 0.5 if how == "half" else 2
        image = image.resize((int(width * factor), int(height * factor)), Image.BICUBIC)
    elif how == "brighter":
        image = ImageEnhance.Brightness(image).enhance(1.1)
    elif how == "darker":
        image = ImageEnhance.Brightness(image).enhance(0.85)
    elif how == "contrast":
        image = ImageEnhance.Contrast(image).enhance(1.2)
    elif how == "cut":  # 2 % of each side's length
        image = image.crop((round(width * 0.02), 0, width, height - round(height * 0.02)))
    elif how == "all":
        return changed(changed(changed(changed(picture, "cut"), "half"), "darker"), "JPEG")
    found = np.asarray(image)
    return found if found.ndim == 3 else found[..., None]


def bodies(parts) -> np.ndarray:
    """uint8 [n, size] of `Part`s."""
    return np.stack([np.frombuffer(part.body, np.uint8) for part in parts])


def found(sketch, a, b) -> bool:
    """Whether two `Part`s share a key, and are verified."""
    return bool(set(a.keys) & set(b.keys)) and bool(sketch.near(bodies([a]), bodies([b]))[0, 0])
