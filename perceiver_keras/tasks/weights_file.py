"""A `.weights.h5` file before Keras reads it: it holds numbers, all of them its own, and those that were written."""

from __future__ import annotations

import hashlib
from pathlib import Path

import h5py

BLOCK = 1 << 24  # bytes hashed at a time
# Keras reads an array whole before it compares its shape with the weight's.
MOST = 4  # times the model's own numbers, with some for what is not counted among its parameters
SPARE = 1 << 16


def digest(path: Path) -> str:
    """SHA-256 of the content, in hex."""
    found = hashlib.sha256()
    with open(path, "rb") as file:
        while block := file.read(BLOCK):
            found.update(block)
    return found.hexdigest()


def check_content(path: Path, parameters: int) -> None:
    """Looks at the file's structure, not at its numbers.

    HDF5 can say that an array is in another file, and of an array that is hardly stored that it is large.

    Args:
      path: The file.
      parameters: How many the model has that it is for.

    Raises:
      ValueError: it refers to other files or to itself, or holds something other than numbers, or far too many.
      OSError: it is not HDF5, or damaged.
    """
    total = 0

    def link(name: str, found: object) -> str | None:
        ours = isinstance(found, h5py.HardLink)
        return None if ours else f"{name} is a link to somewhere else, which is not followed"

    def item(name: str, found: h5py.Group | h5py.Dataset) -> str | None:
        nonlocal total
        if not isinstance(found, h5py.Dataset):
            return None
        if found.external or found.is_virtual:
            return f"{name} is stored in another file, which is not read"
        if found.dtype.kind not in "fiubV":  # V: bfloat16
            return f"{name} holds {found.dtype}, not numbers"
        total += found.size
        many = total > MOST * parameters + SPARE
        return (
            f"it claims {total:,} numbers or more; the model has {parameters:,}" if many else None
        )

    with h5py.File(path) as file:  # a visit ends with the first value that is not None
        if problem := file.visititems_links(link) or file.visititems(item):
            raise ValueError(problem)
