"""The names that a pickle of weights may use, and the functions of ours that stand in for them.

A name that a file asks for is never imported: it is only a key of the table at the end of this module.
What is "called" is one of the functions here, which check every argument and make only dictionaries and
NumPy arrays of plain numbers.
"""

from __future__ import annotations

import codecs
import math
from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

_MAX_DIMENSIONS = 16
_PIECE = 1 << 16
# No objects, records, strings or dates. NumPy never parses a dtype's name from the file.
_CODES = ("b1", "i1", "i2", "i4", "i8", "u1", "u2", "u4", "u8", "f2", "f4", "f8")
_DTYPES = {code: np.dtype(code) for code in _CODES}


class Refused(Exception):
    """The file asks for something that no file of weights needs."""


@dataclass(frozen=True)
class Global:
    """A name from the allow-list as a value: only its stand-in can be reached through it."""

    module: str
    name: str
    function: Callable[..., Any]


@dataclass
class LongText:
    """UTF-8 text that is too long for a name: protocol 2 spells bytes as Latin-1 text."""

    data: bytes | None

    def take_bytes(self) -> bytearray:
        """The bytes that the text spells, decoded in pieces so that only one copy is made."""
        data, self.data = self.data, None
        if data is None:
            raise ValueError("a long text is used twice")
        starts = range(0, len(data), _PIECE)
        view = np.frombuffer(data, np.uint8)
        if any(view[at : at + _PIECE].max() > 0xC3 for at in starts):
            raise ValueError("text that should spell bytes is not Latin-1")
        count = sum(int(np.count_nonzero(view[at : at + _PIECE] & 0xC0 != 0x80)) for at in starts)
        decoder = codecs.getincrementaldecoder("utf-8")()
        result, end = bytearray(count), 0
        for at in starts:
            piece = decoder.decode(data[at : at + _PIECE], at + _PIECE >= len(data))
            result[end : end + len(piece)] = piece.encode("latin-1")
            end += len(piece)
        return result


class Buildable(ABC):
    """An object that a pickle creates empty and fills with its state later."""

    @abstractmethod
    def build(self, state: Any) -> None:
        """Takes the state from the BUILD opcode."""

    @abstractmethod
    def finish(self) -> Any:
        """The value for the caller."""


class PendingDtype(Buildable):
    """`numpy.dtype("f4", False, True)`, whose byte order comes with the state."""

    def __init__(self, code: Any, align: Any = False, copy: Any = True) -> None:
        if type(code) is not str or code not in _DTYPES:
            raise Refused(f"it holds an array of dtype {code!r:.40}; weights are plain numbers.")
        self.dtype = _DTYPES[code]

    def build(self, state: Any) -> None:
        if type(state) is not tuple or len(state) < 5 or state[2:5] != (None, None, None):
            raise Refused("it describes a dtype with fields or a base.")
        if state[1] not in ("<", ">", "|", "="):
            raise ValueError(f"byte order {state[1]!r} is unknown")
        self.dtype = self.dtype.newbyteorder(state[1])

    def finish(self) -> Any:
        raise Refused("it holds a dtype where an array belongs.")


class PendingArray(Buildable):
    """`numpy.core.multiarray._reconstruct(numpy.ndarray, (0,), b"b")`, filled by its state."""

    def __init__(self, kind: Any, shape: Any = None, code: Any = None) -> None:
        if type(kind) is not Global or kind.name != "ndarray":
            raise Refused("it reconstructs something other than numpy.ndarray.")
        self.array: np.ndarray | None = None

    def build(self, state: Any) -> None:
        if type(state) is not tuple or len(state) != 5:
            raise ValueError("the state of an array does not have five parts")
        _, shape, dtype, fortran, data = state
        self.array = array_from(data, dtype, shape, "F" if fortran else "C")

    def finish(self) -> np.ndarray:
        if self.array is None:
            raise ValueError("an array is created but never filled")
        return self.array


def array_from(data: Any, dtype: Any, shape: Any, order: str) -> np.ndarray:
    """A view of `data` as an array; every part is checked, nothing is copied."""
    if not isinstance(dtype, PendingDtype):
        raise ValueError(f"a dtype is needed, not a {type(dtype).__name__}")
    if type(data) not in (bytes, bytearray):  # the latter from `LongText`
        raise Refused(f"an array's data is a {type(data).__name__}, not bytes.")
    if type(shape) is int:
        shape = (shape,)
    check_shape(shape)
    if math.prod(shape) * dtype.dtype.itemsize != len(data):
        raise ValueError(f"shape {shape} of {dtype.dtype} does not fill {len(data)} bytes")
    return np.frombuffer(data, dtype.dtype).reshape(shape, order=order)


def check_shape(shape: Any) -> None:
    whole = type(shape) is tuple and len(shape) <= _MAX_DIMENSIONS
    if not whole or not all(type(n) is int and 0 <= n < 1 << 40 for n in shape):
        raise ValueError("a shape is not a tuple of sizes")


def _scalar(dtype: Any, data: Any) -> np.ndarray:
    return array_from(data, dtype, (), "C")


def _from_buffer(data: Any, dtype: Any, shape: Any, order: Any = "C", axes: Any = None) -> Any:
    if order not in ("C", "F") or axes is not None:
        raise ValueError(f"array order {order!r} is unknown")
    return array_from(data, dtype, shape, order)


def _encode(text: Any, encoding: Any = "latin1") -> bytes | bytearray:
    """`_codecs.encode(text, "latin1")`: how Python 3 writes bytes in protocol 2."""
    if encoding not in ("latin1", "latin-1"):
        raise Refused(f"it encodes text as {encoding!r}.")
    if isinstance(text, LongText):
        return text.take_bytes()
    if type(text) is not str:
        raise ValueError(f"a {type(text).__name__} is encoded as if it were text")
    return text.encode("latin-1")


def _empty_bytes(*arguments: Any) -> bytes:
    """`bytes()`: how Python 3 writes empty bytes in protocol 2."""
    if arguments:
        raise Refused("it makes bytes from arguments.")
    return b""


def _device_array(function: Any, arguments: Any, state: Any, aval: Any = None) -> PendingArray:
    """A JAX array is pickled as the reduction of a NumPy array (function, arguments, state) and its aval."""
    array = function.function(*arguments) if type(function) is Global else None
    if not isinstance(array, PendingArray) or type(arguments) is not tuple:
        raise Refused("it makes a JAX array out of something other than a NumPy array.")
    array.build(state)
    return array


def _flat_mapping(mapping: Any = None) -> dict[str, Any]:
    if mapping is not None and type(mapping) is not dict:
        raise Refused(f"it makes a mapping out of a {type(mapping).__name__}.")
    return mapping if mapping is not None else {}


def ordered_dict(*arguments: Any) -> dict[str, Any]:
    if arguments:
        raise Refused("it makes an OrderedDict from arguments.")
    return {}


def _not_callable(*arguments: Any) -> Any:
    raise Refused("it makes an array without its data.")


_CORE = ("numpy.core", "numpy._core")  # before and after NumPy 2

NUMPY_AND_JAX: dict[tuple[str, str], Callable[..., Any]] = {
    ("numpy", "ndarray"): _not_callable,
    ("numpy", "dtype"): PendingDtype,
    **{(f"{core}.multiarray", "_reconstruct"): PendingArray for core in _CORE},
    **{(f"{core}.multiarray", "scalar"): _scalar for core in _CORE},
    **{(f"{core}.numeric", "_frombuffer"): _from_buffer for core in _CORE},
    ("_codecs", "encode"): _encode,
    ("__builtin__", "bytes"): _empty_bytes,
    ("jax._src.array", "_reconstruct_array"): _device_array,
    ("jax._src.device_array", "reconstruct_device_array"): _device_array,
    ("jax.interpreters.xla", "reconstruct_device_array"): _device_array,
    ("haiku._src.data_structures", "FlatMapping"): _flat_mapping,
    ("haiku._src.data_structures", "FlatMap"): _flat_mapping,
    ("haiku._src.data_structures", "frozendict"): _flat_mapping,
    ("collections", "OrderedDict"): ordered_dict,
}
