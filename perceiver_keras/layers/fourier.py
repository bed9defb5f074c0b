"""Fourier features, rounded as in the two implementations that published weights come from.

π·frequency·position reaches tens of thousands (sound: 15,360 · π), where float32 resolves a few
thousandths of a radian. The features of high frequencies therefore depend on the rounding, and
weights trained with one rounding reproduce their official outputs only with the same one. New models
compute exactly (float64, `position._waves`); this file has the other two ways, for loaded weights:

    official   JAX, compiled by XLA: a division by a constant becomes a product with its float32
               reciprocal, and constants are multiplied first
    port       PyTorch: a float32 step, counted from the nearer end, multiplied and added with one rounding

Everything is NumPy, computed per side of the grid, so that no compiler changes the rounding.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np


class Table(NamedTuple):
    """Positions [n, 1], sines [n, K] and cosines [n, K] of one side of a grid, float32."""

    positions: np.ndarray
    sines: np.ndarray
    cosines: np.ndarray


def linspace(start: float, stop: float, num: int, arithmetic: str) -> np.ndarray:
    """`num` values from start to stop, both included, rounded as `arithmetic` says."""
    if num == 1:
        return np.float32([start])
    index = np.arange(num)
    first, last = np.float32(start), np.float32(stop)
    if arithmetic == "port":
        # The step is rounded to float32; what follows is float64.
        step = np.float64((last - first) / np.float32(num - 1))
        values = np.where(index < num // 2, first + step * index, last - step * (num - 1 - index))
        return values.astype(np.float32)
    index, step = index.astype(np.float32), np.float32(1) / np.float32(num - 1)
    values = index * (last * step) + first * (np.float32(1) - index * step)
    values[-1] = last
    return values


def axis_table(
    size: int, resolution: int, num_bands: int, arithmetic: str, to_the_ends: bool
) -> Table:
    """The features of one side with `size` places.

    Args:
        to_the_ends: positions from -1 to 1; else -1 + 2·index/size, the rule of output points.
    """
    if to_the_ends:
        positions = linspace(-1.0, 1.0, size, arithmetic)
    else:
        twice, length = (2 * np.arange(size)).astype(np.float32), np.float32(size)
        share = twice / length if arithmetic == "port" else twice * (np.float32(1) / length)
        positions = np.float32(-1) + share
    frequencies = linspace(1.0, resolution / 2, num_bands, arithmetic)
    angles = np.float32(np.pi) * (positions[:, None] * frequencies)
    angles = angles.astype(np.float64)  # the angle is float32, its sine exact
    return Table(
        positions[:, None], np.sin(angles).astype(np.float32), np.cos(angles).astype(np.float32)
    )
