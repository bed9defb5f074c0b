"""Small files in Fashion-MNIST's format, for tests."""

from __future__ import annotations

import gzip
import struct
from pathlib import Path

import numpy as np


def write_idx(path: Path, array: np.ndarray) -> None:
    head = struct.pack(f">4B{array.ndim}I", 0, 0, 8, array.ndim, *array.shape)
    path.write_bytes(gzip.compress(head + array.astype(np.uint8).tobytes()))


def write_fashion(folder: Path, train: int, test: int) -> dict[str, tuple[np.ndarray, np.ndarray]]:
    """{split: (pictures, labels)} as they were written: noise with a bright column that tells the class."""
    folder.mkdir(parents=True)
    rng, given = np.random.default_rng(0), {}
    for split, name, count in (("train", "train", train), ("test", "t10k", test)):
        labels = np.arange(count) % 10
        pictures = rng.integers(0, 99, (count, 28, 28), np.uint8)
        pictures[np.arange(count), :, labels * 2] = 255
        write_idx(folder / f"{name}-images-idx3-ubyte.gz", pictures)
        write_idx(folder / f"{name}-labels-idx1-ubyte.gz", labels)
        given[split] = (pictures, labels)
    return given
