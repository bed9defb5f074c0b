"""Fourier tables with the roundings of the two implementations that official numbers come from.

π·frequency·position reaches tens of thousands (sound: 15,360 · π), where float32 resolves a few
thousandths of a radian. So the features of high frequencies are rounding as much as mathematics,
and weights trained on one rounding give their official numbers only with the same one. Ours is
exact (float64, `position._waves`); here are the other two, for loaded weights:

    official   JAX, compiled by XLA: a division by a constant is a product with its float32 reciprocal,
               and constants are multiplied first
    port       PyTorch: a float32 step from either end to the middle, multiplied and added in one rounding

Everything is NumPy on the sides of a grid, so that no compiler rounds again.
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
    """`num` values from start to stop, both included, as float32 arithmetic has them."""
    if num == 1:
        return np.float32([start])
    index = np.arange(num)
    first, last = np.float32(start), np.float32(stop)
    if arithmetic == "port":
        step = np.float64((last - first) / np.float32(num - 1))  # a float32, in float64 from here
        values = np.where(index < num // 2, first + step * index, last - step * (num - 1 - index))
        return values.astype(np.float32)
    index, step = index.astype(np.float32), np.float32(1) / np.float32(num - 1)
    values = index * (last * step) + first * (np.float32(1) - index * step)
    values[-1] = last
    return values


def axis_table(
    size: int, resolution: int, num_bands: int, arithmetic: str, to_the_ends: bool
) -> Table:
    """The features of one side of `size` places.

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
