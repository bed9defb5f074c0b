"""Keys of small planes of numbers, such as thumbnails: planes that are nearly the same share at least one.

Locality-sensitive hashing by the signs of projections (Charikar, 2002), onto the plane's lowest frequencies, as in
perceptual hashes, and onto mixtures of them. The least certain signs are taken both ways (multi-probe: Lv et al.,
2007).
"""

from __future__ import annotations

import functools
import itertools

import numpy as np

_BITS, _TABLES, _FLIPS = 20, 2, 2
KEYS = _TABLES * 2**_FLIPS


def keys(plane: np.ndarray) -> tuple[bytes, ...]:
    """`KEYS` keys of [rows, columns], the same for any gain and offset of it."""
    values = _projections(*plane.shape) @ (plane - plane.mean()).ravel()
    found = []
    for table, row in enumerate(values.reshape(_TABLES, _BITS)):
        word = int((row > 0) @ (1 << np.arange(_BITS)))
        unsure = [1 << int(bit) for bit in np.argsort(abs(row), kind="stable")[:_FLIPS]]
        for flips in itertools.product(*[(0, bit) for bit in unsure]):
            found.append(((word ^ sum(flips)) | table << _BITS).to_bytes(3, "little"))
    return tuple(found)


@functools.lru_cache(8)
def _projections(rows: int, columns: int) -> np.ndarray:
    """float32 [tables · bits, rows · columns]."""
    order = [(u, s - u) for s in range(1, 8) for u in range(s + 1)][:27]
    down, right = _waves(rows), _waves(columns)
    low = np.stack([np.outer(down[u], right[v]).ravel() for u, v in order])
    low /= np.linalg.norm(low, axis=1, keepdims=True)
    mixed = np.random.default_rng(7).normal(size=(_BITS, len(low))) @ low
    return np.concatenate([low[:_BITS], mixed]).astype(np.float32)


def _waves(length: int) -> np.ndarray:
    """[8, length]: the first cosines of the DCT."""
    return np.cos(np.arange(8)[:, None] * (np.arange(length) + 0.5) * np.pi / length)
