"""TensorProto to NumPy and back, with as few copies as the wire allows."""

from __future__ import annotations

import functools
import math
from typing import Any

import numpy as np
import tensorflow as tf
from google.protobuf.internal.encoder import _VarintBytes as varint
from tensorflow.core.framework import tensor_pb2, types_pb2

from perceiver_keras.server.status import Code, ServingError, invalid

MAX_RANK = 32  # NumPy's
POINTER = 8  # bytes that one string of an array takes at least
FILLED = (
    1 << 17
)  # strings that a few bytes may declare without sending them; a model takes a microsecond for each
# The repeated field of each type, where its values are the numbers themselves.
FIELDS = {
    types_pb2.DT_FLOAT: "float_val",
    types_pb2.DT_DOUBLE: "double_val",
    types_pb2.DT_INT32: "int_val",
    types_pb2.DT_INT16: "int_val",
    types_pb2.DT_INT8: "int_val",
    types_pb2.DT_UINT8: "int_val",
    types_pb2.DT_UINT16: "int_val",
    types_pb2.DT_STRING: "string_val",
    types_pb2.DT_INT64: "int64_val",
    types_pb2.DT_BOOL: "bool_val",
    types_pb2.DT_UINT32: "uint32_val",
    types_pb2.DT_UINT64: "uint64_val",
}
# Packed, the values of these stand on the wire as in memory; the keys are the fields' tags.
_AS_IN_MEMORY = {types_pb2.DT_FLOAT: b"\x2a", types_pb2.DT_DOUBLE: b"\x32"}


def dtype_name(number: int) -> str:
    """TensorFlow's short name of a DataType, such as `float`; for messages."""
    name = types_pb2.DataType.Name(number) if number in types_pb2.DataType.values() else str(number)
    return name.removeprefix("DT_").lower()


@functools.cache
def _kind(dtype: int) -> np.dtype:
    """NumPy's type of a DataType."""
    if dtype == types_pb2.DT_STRING:
        return np.dtype(object)
    return np.dtype(tf.dtypes.as_dtype(dtype).as_numpy_dtype)


@functools.cache
def _data_type(kind: np.dtype) -> int:
    """The DataType of NumPy's type."""
    return types_pb2.DT_STRING if kind.hasobject else tf.dtypes.as_dtype(kind).as_datatype_enum


def to_array(proto: Any, name: str, dtype: int, max_bytes: int) -> np.ndarray:
    """The value of one input of a request.

    Args:
      proto: A TensorProto: `tensor_content`, or the field of its type; fewer values than the shape has elements are
        continued with the last one, as TensorFlow does, but at most `FILLED` strings.
      name: The input, for messages.
      dtype: The DataType that the signature has.
      max_bytes: The most that the array may take: few bytes can declare a huge shape.

    Returns:
      An array that may share the request's memory, and be read-only; strings are bytes in an object array.

    Raises:
      ServingError: INVALID_ARGUMENT or, for a shape that is too large, RESOURCE_EXHAUSTED.
    """
    if proto.dtype != dtype:
        got = dtype_name(proto.dtype)
        raise invalid(
            f"input {name}: Expects arg[0] to be {dtype_name(dtype)} but {got} is provided"
        )
    shape = [dim.size for dim in proto.tensor_shape.dim]
    if proto.tensor_shape.unknown_rank or min(shape, default=0) < 0 or len(shape) > MAX_RANK:
        raise invalid(
            f"input {name}: the shape must be known, of at most {MAX_RANK} axes; got {shape}"
        )
    count = math.prod(shape)
    try:
        kind = _kind(dtype)
    except (KeyError, TypeError):
        raise invalid(
            f"input {name}: a request can't have values of the type {dtype_name(dtype)}"
        ) from None
    # An empty tensor takes no bytes, but what is made of its other sides does.
    extent = math.prod(side or 1 for side in shape)
    if not count and extent >= 1 << 63:
        raise invalid(f"input {name}: no tensor has the shape {shape}")
    if extent * max(kind.itemsize, 1) > max_bytes:
        raise ServingError(
            Code.RESOURCE_EXHAUSTED,
            f"input {name}: a tensor of shape {shape} is larger than max_request_bytes, {max_bytes}",
        )
    if proto.tensor_content:
        return _from_content(proto.tensor_content, name, kind, shape, count)
    if dtype in FIELDS:
        return _from_values(getattr(proto, FIELDS[dtype]), name, kind, shape, count)
    try:
        return tf.make_ndarray(proto)
    except (TypeError, ValueError, OverflowError) as error:
        raise invalid(f"input {name}: {error}") from None


def _from_content(
    content: bytes, name: str, kind: np.dtype, shape: list[int], count: int
) -> np.ndarray:
    if kind.hasobject:
        raise invalid(f"input {name}: strings belong in string_val, not in tensor_content")
    if len(content) != count * kind.itemsize:
        raise invalid(
            f"input {name}: tensor_content has {len(content)} bytes; the shape {shape} of {kind.name} "
            f"needs {count * kind.itemsize}"
        )
    if kind == np.bool_:  # any other byte than 0 and 1 is no bool, and kernels may rely on that
        return (np.frombuffer(content, np.uint8) != 0).reshape(shape)
    return np.frombuffer(content, kind).reshape(shape)


def _from_values(
    values: Any, name: str, kind: np.dtype, shape: list[int], count: int
) -> np.ndarray:
    given = len(values)
    if given > count:
        raise invalid(f"input {name}: {given} values for the shape {shape}, which has {count}")
    if kind.hasobject and count - given > FILLED:
        raise ServingError(
            Code.RESOURCE_EXHAUSTED,
            f"input {name}: {given} strings for the shape {shape}, which has {count}; at most {FILLED} may be left out",
        )
    array = np.empty(count, kind)
    if kind.hasobject:
        array[:given] = values
    else:
        numbers = np.fromiter(
            values, np.int64 if kind.kind in "iu" and kind.itemsize < 8 else kind, given
        )
        if kind.kind in "iu" and given:
            bounds = np.iinfo(kind)
            if numbers.min() < bounds.min or numbers.max() > bounds.max:
                raise invalid(f"input {name}: a value is out of range for {kind.name}")
        array[:given] = numbers
    array[given:] = values[-1] if given else (b"" if kind.hasobject else 0)
    return array.reshape(shape)


def fill_proto(proto: Any, array: np.ndarray) -> None:
    """Writes `array` into an empty TensorProto, in the field of its type, as TensorFlow Serving does."""
    dtype = proto.dtype = _data_type(array.dtype)
    for side in array.shape:
        proto.tensor_shape.dim.add(size=side)
    if dtype == types_pb2.DT_STRING:
        proto.string_val.extend(array.ravel().tolist())
    elif dtype in _AS_IN_MEMORY:
        data = np.ascontiguousarray(array).data
        if data.nbytes:
            packed = _AS_IN_MEMORY[dtype] + varint(data.nbytes)
            proto.MergeFromString(packed + data.cast("B"))
    elif dtype in FIELDS:
        getattr(proto, FIELDS[dtype]).extend(array.ravel().tolist())
    else:
        proto.CopyFrom(tf.make_tensor_proto(array))


def proto_of(array: np.ndarray) -> Any:
    """`array` as a new TensorProto."""
    proto = tensor_pb2.TensorProto()
    fill_proto(proto, array)
    return proto
