"""Several requests as one batch, and its answer divided among them again."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

Arrays = Mapping[str, np.ndarray]
SHORT = 256  # bytes; strings up to here are of one length to `fit_key`, so that short texts share batches


def rows_of(arrays: Arrays) -> int | None:
    """How many examples a request has; None if its inputs do not share a first axis of one size or more."""
    sizes = {array.shape[0] if array.ndim else 0 for array in arrays.values()}
    return sizes.pop() or None if len(sizes) == 1 else None


def fit_key(arrays: Arrays, padded: bool, by_length: bool) -> tuple:
    """Requests with equal keys fit into one batch.

    Args:
      arrays: Of one request.
      padded: Whether inputs of equal ranks fit, and not only those of equal sizes after the first axis.
      by_length: Whether the longest strings must be about as long, too: within a power of two.
    """
    return tuple(
        (
            (array.ndim,) if padded else array.shape[1:],
            _length_class(array) if by_length and array.dtype.hasobject else 0,
        )
        for array in arrays.values()
    )


def _length_class(strings: np.ndarray) -> int:
    """The power of two that the longest string does not exceed, of those from `SHORT` on."""
    longest = max(map(len, strings.flat), default=0)
    return max(SHORT, 1 << (longest - 1).bit_length())


def merged(requests: Sequence[Arrays], rows: int, to_rows: int) -> dict[str, np.ndarray]:
    """The requests one after another.

    Args:
      requests: Arrays [B, ...] with the same names.
      rows: How many they have together.
      to_rows: How many the batch should have; the missing ones are copies of the first row.

    Returns:
      Arrays [to_rows, ...]. Where sizes differ, each request is filled at its ends with its own first value.
    """
    return {
        name: _joined([request[name] for request in requests], to_rows - rows)
        for name in requests[0]
    }


def _joined(arrays: list[np.ndarray], missing: int) -> np.ndarray:
    if len({array.shape[1:] for array in arrays}) > 1:
        sizes = np.max([array.shape[1:] for array in arrays], axis=0)
        arrays = [_padded(array, sizes) for array in arrays]
    if missing:
        arrays = [*arrays, np.repeat(arrays[0][:1], missing, axis=0)]
    return arrays[0] if len(arrays) == 1 else np.concatenate(arrays)


def _padded(array: np.ndarray, sizes: np.ndarray) -> np.ndarray:
    wider = [(0, 0), *((0, int(s) - side) for s, side in zip(sizes, array.shape[1:], strict=True))]
    if not array.size:
        blank = b"" if array.dtype.hasobject else 0
        return np.full((array.shape[0], *map(int, sizes)), blank, array.dtype)
    return np.pad(array, wider, constant_values=array.flat[0])


def divided(outputs: Arrays, sizes: Sequence[int], rows: int) -> list[dict[str, np.ndarray]] | None:
    """The answer of each request, in order; None if an output has not one entry per row of the batch."""
    if any(not array.ndim or array.shape[0] != rows for array in outputs.values()):
        return None
    starts = np.cumsum([0, *sizes])
    return [
        {name: array[start : start + size] for name, array in outputs.items()}
        for start, size in zip(starts, sizes, strict=False)
    ]
