"""What signatures take and return, and values as arrays that match it; the same words for a folder and for a server."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from perceiver_keras.errors import UsageError, nearest

# TensorFlow's DataTypes; strings are arrays of objects, because NumPy's own bytes type drops trailing NULs.
DTYPES = {
    "DT_STRING": np.dtype(object),
    "DT_BOOL": np.dtype(bool),
    "DT_FLOAT": np.dtype(np.float32),
    "DT_DOUBLE": np.dtype(np.float64),
    "DT_HALF": np.dtype(np.float16),
    "DT_INT8": np.dtype(np.int8),
    "DT_INT16": np.dtype(np.int16),
    "DT_INT32": np.dtype(np.int32),
    "DT_INT64": np.dtype(np.int64),
    "DT_UINT8": np.dtype(np.uint8),
    "DT_UINT16": np.dtype(np.uint16),
    "DT_UINT32": np.dtype(np.uint32),
    "DT_UINT64": np.dtype(np.uint64),
}


@dataclass(frozen=True)
class End:
    """An input or output.

    Attributes:
      dtype: NumPy's; object for strings.
      shape: With None for a side of any size; None if even the rank is open. The first axis is B, the batch.
    """

    dtype: np.dtype
    shape: tuple[int | None, ...] | None

    def __str__(self) -> str:
        name = "string" if self.dtype.hasobject else self.dtype.name
        if self.shape is None:
            return name
        return f"{name} [{', '.join('any' if side is None else str(side) for side in self.shape)}]"

    def fits(self, shape: tuple[int, ...]) -> bool:
        """Whether a value of `shape` may be fed."""
        if self.shape is None:
            return True
        pairs = zip(self.shape, shape, strict=False)
        return len(self.shape) == len(shape) and all(w in (None, s) for w, s in pairs)


@dataclass(frozen=True)
class Signature:
    """What a signature takes and returns: `End`s by name."""

    inputs: Mapping[str, End]
    outputs: Mapping[str, End]


def named(name: str, signatures: Mapping[str, Any], model: str) -> Any:
    """The signature of that name; raises `UsageError`, which begins with `model`, if there is none."""
    if name not in signatures:
        raise UsageError(f"{model} has no signature {name!r}.{nearest(name, signatures)}")
    return signatures[name]


def arrays_of(
    signature: str, wanted: Mapping[str, End], inputs: Mapping[str, Any]
) -> dict[str, np.ndarray]:
    """The values of all inputs of a signature.

    Args:
      signature: Its name, for messages.
      wanted: Its inputs.
      inputs: Arrays, nested lists or tensors, by name.

    Returns:
      Arrays of the wanted types and shapes, by name; strings are bytes in arrays of objects.

    Raises:
      UsageError: an unknown or a missing input, or a wrong dtype or shape.
    """
    for name in inputs:
        if name not in wanted:
            raise UsageError(f"{signature} has no input {name!r}.{nearest(name, wanted)}")
    if missing := sorted(wanted.keys() - inputs.keys()):
        raise UsageError(f"{signature} needs {', '.join(missing)} too.")
    return {
        name: _array_of(f"{signature}'s input {name!r}", inputs[name], end)
        for name, end in wanted.items()
    }


def _array_of(what: str, value: Any, end: End) -> np.ndarray:
    """`value` as an array that matches `end`; numbers may change their precision, but not their kind."""
    if hasattr(value, "numpy"):
        value = value.numpy()
    strings = end.dtype.hasobject
    try:
        as_objects = strings and not isinstance(value, np.ndarray)
        array = np.array(value, dtype=object) if as_objects else np.asarray(value)
    except ValueError as error:  # rows of different lengths
        raise UsageError(f"{what}: expected {end}, got a ragged list.") from error
    if strings and all(isinstance(item, (bytes, str)) for item in array.ravel()):
        array = _as_bytes(what, array)
    elif not strings and _may_become(array.dtype, end.dtype):
        array = array.astype(end.dtype, copy=False)
    else:
        numeric = array.dtype.kind in "biufc"
        kinds = (
            {array.dtype.name} if numeric else {type(v).__name__ for v in array.ravel().tolist()}
        )
        raise UsageError(f"{what}: expected {end}, got {', '.join(sorted(kinds))}.")
    if not end.fits(array.shape):
        raise UsageError(f"{what}: expected {end}, got the shape {list(array.shape)}.")
    return array


def _as_bytes(what: str, array: np.ndarray) -> np.ndarray:
    flat = np.empty(array.size, object)
    try:
        flat[:] = [item.encode() if isinstance(item, str) else item for item in array.ravel()]
    except UnicodeEncodeError as error:
        raise UsageError(f"{what}: a text has half of a surrogate pair.") from error
    return flat.reshape(array.shape)


def _may_become(given: np.dtype, wanted: np.dtype) -> bool:
    return given.kind in "biuf" and np.can_cast(given, wanted, "same_kind")
