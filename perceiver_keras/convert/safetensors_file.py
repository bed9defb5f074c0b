"""`.safetensors`: a JSON header and the tensors' bytes. It can't hold code, but its header can lie.

The safetensors library reads and writes the file. The header is checked here first, so that a false
one (a header of a terabyte, offsets outside the file, overlaps, holes, shapes that don't match their
bytes) is refused with a readable message before anything is allocated.
"""

from __future__ import annotations

import json
import math
import os
from typing import Any, NoReturn

import numpy as np
import safetensors
import safetensors.numpy

from perceiver_keras.errors import PerceiverError
from perceiver_keras.files import aside_of

MAX_HEADER_BYTES = 100_000_000  # the format's own limit
_ITEM_BYTES = {
    "BOOL": 1,
    "U8": 1,
    "I8": 1,
    "I16": 2,
    "U16": 2,
    "F16": 2,
    "BF16": 2,
    "I32": 4,
    "U32": 4,
    "F32": 4,
    "I64": 8,
    "U64": 8,
    "F64": 8,
}


def load_safetensors(path: str | os.PathLike[str]) -> dict[str, np.ndarray]:
    """Tensor name -> array. Raises `PerceiverError` if the header does not describe the file exactly."""
    source = os.fspath(path)
    names = check_header(source)
    try:
        with safetensors.safe_open(source, framework="numpy") as file:
            return {name: file.get_tensor(name) for name in names}
    except (safetensors.SafetensorError, ValueError, TypeError, OSError) as error:
        raise PerceiverError(f"{source}: not a valid safetensors file: {error}.") from None


def save_safetensors(
    tensors: dict[str, np.ndarray], path: str | os.PathLike[str], metadata: dict[str, str]
) -> None:
    """Writes next to `path` and renames, so that `path` is never a half-written file."""
    aside = str(aside_of(path))
    contiguous = {name: np.ascontiguousarray(array) for name, array in tensors.items()}
    # ascontiguousarray makes a scalar one-dimensional: keep its shape.
    whole = {name: array.reshape(tensors[name].shape) for name, array in contiguous.items()}
    try:
        safetensors.numpy.save_file(whole, aside, metadata=metadata)
        os.replace(aside, path)
    finally:
        if os.path.exists(aside):
            os.remove(aside)


def check_header(path: str) -> list[str]:
    """The names of the tensors in the file, in the order of their bytes."""
    size = os.path.getsize(path)
    with open(path, "rb") as file:
        length = int.from_bytes(file.read(8), "little")
        if size < 8 or length > min(MAX_HEADER_BYTES, size - 8):
            _fail(path, f"its header claims {length} bytes of {size}")
        raw = file.read(length)
    # Parsed JSON takes up to twenty times as much as its text; a real header has a few hundred bytes per tensor.
    if length > (1 << 20) + size // 32:
        _fail(path, f"its header of {length} bytes is too large for its tensors")
    try:
        header = json.loads(raw.decode("utf-8"), object_pairs_hook=_no_twins)
    except (ValueError, RecursionError) as error:
        _fail(path, f"its header is not JSON ({error})")
    if not isinstance(header, dict):
        _fail(path, "its header is not an object")
    metadata = header.pop("__metadata__", {})
    if not isinstance(metadata, dict) or not all(isinstance(v, str) for v in metadata.values()):
        _fail(path, "its metadata is not text")
    spans = sorted((_check_tensor(path, name, entry), name) for name, entry in header.items())
    end = 0
    for (start, stop), name in spans:
        if start != end:
            _fail(
                path,
                f"tensor {name!r} {'overlaps another' if start < end else 'has a hole'}"
                f" before it: it starts at {start}, expected {end}",
            )
        end = stop
    if end != size - 8 - length:
        _fail(path, f"its tensors end at byte {end} of {size - 8 - length}")
    return [name for _, name in spans]


def _check_tensor(path: str, name: str, entry: Any) -> tuple[int, int]:
    if not isinstance(entry, dict) or entry.keys() != {"dtype", "shape", "data_offsets"}:
        _fail(path, f"tensor {name!r} does not have exactly the fields dtype, shape, data_offsets")
    dtype, shape, offsets = entry["dtype"], entry["shape"], entry["data_offsets"]
    if not isinstance(dtype, str) or dtype not in _ITEM_BYTES:
        _fail(path, f"tensor {name!r} has the unknown dtype {dtype!r:.40}")
    if not _are_sizes(shape) or not _are_sizes(offsets) or len(offsets) != 2 or len(shape) > 16:
        _fail(path, f"tensor {name!r} has a shape or offsets that are not sizes")
    start, stop = offsets
    expected = math.prod(shape) * _ITEM_BYTES[dtype]
    if stop - start != expected:
        _fail(
            path,
            f"tensor {name!r} of shape {shape} and {dtype} takes {expected} bytes, "
            f"but its offsets give {stop - start}",
        )
    return start, stop


def _are_sizes(values: Any) -> bool:
    return isinstance(values, list) and all(type(n) is int and 0 <= n < 1 << 48 for n in values)


def _no_twins(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    names = dict(pairs)
    if len(names) != len(pairs):
        raise ValueError("a name occurs twice")
    return names


def _fail(path: str, what: str) -> NoReturn:
    raise PerceiverError(f"{path}: not a valid safetensors file: {what}. Download it again.")
