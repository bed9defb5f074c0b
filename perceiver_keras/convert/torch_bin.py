"""PyTorch's `.bin`: a ZIP archive of one pickle and the raw storages that it refers to.

It is read without PyTorch: the pickle by `pickles.py`, with a table of the few names that PyTorch uses,
and the storages as NumPy arrays. Half and bfloat16 stay as they are (two bytes per number), so that the
result takes no more memory than the file.
"""

from __future__ import annotations

import io
import os
from typing import Any

import ml_dtypes
import numpy as np

from perceiver_keras.convert.pickles import read_pickle
from perceiver_keras.convert.stand_ins import Buildable, Global, Refused, check_shape, ordered_dict
from perceiver_keras.convert.zip_reader import StoredZip
from perceiver_keras.errors import PerceiverError

_STORAGES = {
    "FloatStorage": np.dtype("<f4"),
    "DoubleStorage": np.dtype("<f8"),
    "HalfStorage": np.dtype("<f2"),
    "BFloat16Storage": np.dtype(ml_dtypes.bfloat16),
    "LongStorage": np.dtype("<i8"),
    "IntStorage": np.dtype("<i4"),
    "ShortStorage": np.dtype("<i2"),
    "CharStorage": np.dtype("i1"),
    "ByteStorage": np.dtype("u1"),
    "BoolStorage": np.dtype("?"),
}


class _Tensor(Buildable):
    """A finished tensor. A pickle could set attributes on it, but weights don't need any."""

    def __init__(self, array: np.ndarray) -> None:
        self.array = array

    def build(self, state: Any) -> None:
        raise Refused("it sets attributes of a tensor.")

    def finish(self) -> np.ndarray:
        return self.array


def load_torch_bin(path: str | os.PathLike[str]) -> dict[str, np.ndarray]:
    """The state dict in a `.bin` at `path`: tensor name to array, views of the file's bytes.

    Raises `PerceiverError` if the archive or its pickle is broken, names anything other than
    tensors, or describes tensors that don't lie within their storage.
    """
    source = os.fspath(path)
    with open(path, "rb") as file:
        archive = StoredZip(file, source)
        root = _root(archive, source)
        if (
            f"{root}/byteorder" in archive.entries
            and archive.read(f"{root}/byteorder") != b"little"
        ):
            raise PerceiverError(f"{source}: its numbers are not little-endian; save it again.")
        storages = _Storages(archive, root)
        pickled = archive.read(f"{root}/data.pkl")
        tree = read_pickle(
            io.BytesIO(pickled),
            len(pickled),
            source=source,
            allowed=ALLOWED,
            persistent_load=storages.load,
        )
    return _state_dict(tree, source, archive.size)


class _Storages:
    """The archive's `data/KEY` entries, each read once."""

    def __init__(self, archive: StoredZip, root: str) -> None:
        self.archive, self.root = archive, root
        self.arrays: dict[str, np.ndarray] = {}

    def load(self, reference: Any) -> np.ndarray:
        if type(reference) is not tuple or len(reference) != 5 or reference[0] != "storage":
            raise Refused("a persistent id is not that of a storage.")
        _, kind, key, _, count = reference
        if type(kind) is not Global or kind.name not in _STORAGES or type(key) is not str:
            raise Refused("a storage has an unknown type.")
        dtype = _STORAGES[kind.name]
        if key not in self.arrays:
            data = self.archive.read(f"{self.root}/data/{key}")
            if type(count) is not int or count * dtype.itemsize != len(data):
                raise ValueError(f"storage {key!r} should hold {count} numbers of {dtype}")
            self.arrays[key] = np.frombuffer(data, dtype)
        if self.arrays[key].dtype != dtype:
            raise ValueError(f"storage {key!r} has two types")
        return self.arrays[key]


def _rebuild_tensor(storage: Any, offset: Any, shape: Any, strides: Any, *_unused: Any) -> _Tensor:
    """`torch._utils._rebuild_tensor_v2`: a strided view of a storage, which must contain all of it."""
    check_shape(shape)
    check_shape(strides)
    if not isinstance(storage, np.ndarray) or type(offset) is not int or offset < 0:
        raise ValueError("a tensor has no storage or no offset")
    if len(shape) != len(strides):
        raise ValueError(f"a tensor of shape {shape} has {len(strides)} strides")
    count = 1
    for size in shape:
        count *= size
    last = offset + sum((size - 1) * stride for size, stride in zip(shape, strides, strict=True))
    if count and last >= len(storage) or count > len(storage):
        raise Refused(f"a tensor of shape {shape} reaches outside its storage.")
    if not count:
        return _Tensor(np.empty(shape, storage.dtype))
    steps = [stride * storage.itemsize for stride in strides]
    return _Tensor(np.lib.stride_tricks.as_strided(storage[offset:], shape, steps, writeable=False))


def _rebuild_parameter(tensor: Any, *_unused: Any) -> _Tensor:
    if not isinstance(tensor, _Tensor):
        raise Refused("it makes a parameter of something other than a tensor.")
    return tensor


def _storage_type(*_arguments: Any) -> Any:
    raise Refused("it makes a storage without its data.")


ALLOWED = {
    ("collections", "OrderedDict"): ordered_dict,
    ("torch._utils", "_rebuild_tensor_v2"): _rebuild_tensor,
    ("torch._utils", "_rebuild_parameter"): _rebuild_parameter,
    **{("torch", name): _storage_type for name in _STORAGES},
}


def _root(archive: StoredZip, source: str) -> str:
    """The archive's only top-level folder, which must hold data.pkl."""
    names = set(archive.entries)
    if any("/code/" in name or name.endswith("/constants.pkl") for name in names):
        raise PerceiverError(
            f"{source}: a TorchScript program, not weights; save its state dict instead."
        )
    roots = {name.split("/")[0] for name in names}
    root = next(iter(roots)) if len(roots) == 1 else ""
    if f"{root}/data.pkl" not in names:
        raise PerceiverError(
            f"{source}: a ZIP archive without a single folder that holds data.pkl, so not a PyTorch file."
        )
    return root


def _state_dict(tree: Any, source: str, size: int) -> dict[str, np.ndarray]:
    if isinstance(tree, dict) and set(tree) == {"state_dict"}:
        tree = tree["state_dict"]
    if not isinstance(tree, dict) or not all(
        isinstance(name, str) and isinstance(array, np.ndarray) for name, array in tree.items()
    ):
        raise PerceiverError(f"{source}: holds something other than a state dict of tensors.")
    if sum(array.nbytes for array in tree.values()) > 2 * size:
        raise PerceiverError(f"{source}: its tensors take more than twice the bytes of the file.")
    return tree
