"""JSON bodies of REST to arrays and back: row format (`instances`), column format (`inputs`), `b64` for bytes."""

from __future__ import annotations

import base64
import binascii
import json
import math
from collections.abc import Mapping
from typing import Any

import numpy as np
import orjson
import tensorflow as tf
from tensorflow.core.framework import types_pb2

from perceiver_keras.server.loaded import End
from perceiver_keras.server.status import Code, ServingError, invalid
from perceiver_keras.server.tensors import FIELDS, MAX_RANK, dtype_name

BYTES = "_bytes"  # outputs whose names end so are base64


def parse(body: bytes) -> dict[str, Any]:
    """The object in a body; NaN and Infinity are numbers in it, as TensorFlow Serving has it.

    Neither parser goes deeper than about 1,000 lists and objects, and a tensor has at most 32 axes.

    Raises:
      ServingError: INVALID_ARGUMENT: it is not JSON, not an object, or nested too deeply.
    """
    if not body:
        raise invalid("JSON Parse error: The document is empty")
    try:
        value = orjson.loads(body)
    except orjson.JSONDecodeError as error:
        try:
            if not any(word in body for word in (b"NaN", b"Infinity")):
                raise error
            value = json.loads(body)
        except (ValueError, RecursionError) as error:
            raise invalid(f"JSON Parse error: {error}") from None
    if not isinstance(value, dict):
        raise invalid(f"JSON Value: {_shown(value)} Is not object")
    return value


def signature_name(document: Mapping[str, Any]) -> str:
    """The body's `signature_name`; "" for the default."""
    name = document.get("signature_name", "")
    if not isinstance(name, str):
        raise invalid(
            f"JSON Value: {_shown(document)} not formatted correctly. 'signature_name' key must be a string value."
        )
    return name


def arrays_of(document: Mapping[str, Any], inputs: Mapping[str, End]) -> dict[str, np.ndarray]:
    """The inputs of a predict request by name; `is_rows` tells which format they were in.

    Raises:
      ServingError: INVALID_ARGUMENT that says which value is wrong.
    """
    both = "instances" in document, "inputs" in document
    if both == (True, True):
        raise invalid(
            f"JSON Value: {_shown(document)} Not formatted correctly expecting only one of 'inputs' or 'instances' "
            "keys to exist "
        )
    if both == (False, False):
        raise invalid("Missing 'inputs' or 'instances' key")
    if not both[0]:
        columns = _columns(document["inputs"], inputs)
    else:
        instances = document["instances"]
        if not isinstance(instances, list):
            raise invalid(
                f"JSON Value: {_shown(document)} Expecting 'instances' to be an list/array"
            )
        if not instances:
            raise invalid(f"JSON Value: {_shown(document)} No values in 'instances' array")
        columns = _columns_of_rows(instances, inputs)
    return {name: array_of(value, name, inputs[name].dtype) for name, value in columns.items()}


def is_rows(document: Mapping[str, Any]) -> bool:
    """Whether a predict request is in row format, as its answer should be."""
    return "instances" in document


def _columns(value: Any, inputs: Mapping[str, End]) -> dict[str, Any]:
    if isinstance(value, dict) and not _is_base64(value):
        for name in inputs:
            if name not in value:
                raise invalid(f"Missing named input: {name} in 'inputs' object.")
        return {name: value[name] for name in inputs}
    if len(inputs) != 1:
        raise invalid(
            "inputs is a plain value/list, but expecting an object as multiple input tensors required as per "
            "tensorinfo_map"
        )
    return {next(iter(inputs)): value}


def _columns_of_rows(instances: list[Any], inputs: Mapping[str, End]) -> dict[str, Any]:
    named = isinstance(instances[0], dict) and not _is_base64(instances[0])
    if not named and len(inputs) != 1:
        raise invalid(
            "instances is a plain list, but expecting list of objects as multiple input tensors required as per "
            "tensorinfo_map"
        )
    names = inputs.keys()
    for index, item in enumerate(instances):
        if (type(item) is dict and not _is_base64(item)) != named:
            got = "list" if named else "object"
            wanted = "object" if named else "value/list"
            raise invalid(f"Expecting {wanted} but got {got} at item {index} of input list")
        if named and item.keys() != names:
            raise invalid(
                f"Failed to process element: {index} of 'instances' list. JSON object: {_shown(item)} keys must be "
                f"equal to: {','.join(sorted(inputs))}"
            )
    if not named:
        return {next(iter(inputs)): instances}
    return {name: [item[name] for item in instances] for name in inputs}


def array_of(value: Any, name: str, dtype: int) -> np.ndarray:
    """Nested lists as an array of a DataType.

    Raises:
      ServingError: INVALID_ARGUMENT: ragged lists or values of another type; UNIMPLEMENTED for types without JSON.
    """
    if dtype not in FIELDS or dtype == types_pb2.DT_UINT16:
        shown = dtype_name(dtype)
        raise ServingError(
            Code.UNIMPLEMENTED, f"Conversion of JSON Value: {_shown(value)} to type: {shown}"
        )
    shape, leaves = _flat(value, name)
    if dtype == types_pb2.DT_STRING:
        array = np.empty(len(leaves), object)
        array[:] = [_bytes(leaf) for leaf in leaves]
        return array.reshape(shape)
    wanted = np.dtype(tf.dtypes.as_dtype(dtype).as_numpy_dtype)
    kinds = {types_pb2.DT_BOOL: {bool}, types_pb2.DT_FLOAT: {int, float}}
    kinds[types_pb2.DT_DOUBLE] = kinds[types_pb2.DT_FLOAT]
    if not set(map(type, leaves)) <= kinds.get(dtype, {int}):
        odd = next(leaf for leaf in leaves if type(leaf) not in kinds.get(dtype, {int}))
        raise _type_error(odd, dtype)
    if wanted.kind in "iu" and leaves:
        bounds = np.iinfo(wanted)
        for extreme in (min(leaves), max(leaves)):
            if not bounds.min <= extreme <= bounds.max:
                raise _type_error(extreme, dtype)
    try:
        with np.errstate(over="ignore"):
            return np.array(leaves, wanted).reshape(shape)
    except OverflowError:  # an integer beyond the largest float
        integers = (leaf for leaf in leaves if type(leaf) is int)
        raise _type_error(max(integers, key=abs), dtype) from None


def _flat(value: Any, name: str) -> tuple[list[int], list[Any]]:
    """The shape of nested lists, as the first elements tell it, and all leaves, which must lie at that depth."""
    shape, first = [], value
    while isinstance(first, list):
        shape.append(len(first))
        first = first[0] if first else None
    if len(shape) > MAX_RANK:
        raise invalid(f"input {name}: {len(shape)} axes; at most {MAX_RANK} are accepted")
    level = [value]
    for place, size in enumerate(shape):
        for item in level:
            if not isinstance(item, list):
                raise invalid(
                    f"JSON Value: {_shown(item)} found at incorrect level: {place + 1} in the JSON DOM. Expected at "
                    f"level: {len(shape)}"
                )
            if len(item) != size:
                raise invalid(
                    f"Encountered list at unexpected size: {len(item)} at level: {place} expected size: {size}"
                )
        level = [leaf for item in level for leaf in item]
    if list in set(map(type, level)):
        raise invalid(f"Encountered list at unexpected level: {len(shape)} expected < {len(shape)}")
    return shape, level


def _is_base64(value: Any) -> bool:
    return type(value) is dict and len(value) == 1 and type(value.get("b64")) is str


def _bytes(leaf: Any) -> bytes:
    if type(leaf) is str:
        try:
            return leaf.encode()
        except UnicodeEncodeError:
            raise invalid("JSON Parse error: a string has half of a surrogate pair") from None
    if isinstance(leaf, dict):
        return decode_base64(leaf)
    raise _type_error(leaf, types_pb2.DT_STRING)


def decode_base64(value: dict[str, Any]) -> bytes:
    """The bytes in {"b64": ...}; the padding may be missing."""
    if not _is_base64(value):
        raise invalid(f"JSON Value: {_shown(value)} not formatted correctly for base64 data")
    text = value["b64"]
    for tried in (text, "".join(text.split())):
        digits = tried.rstrip("=")
        if len(digits) % 4 == 1:
            continue
        try:
            data = binascii.a2b_base64(digits + "=" * (-len(digits) % 4))
        except ValueError:
            continue
        if len(data) == len(digits) * 3 // 4:  # else it skipped what is no digit
            return data
    raise invalid("Unable to base64 decode")


def _type_error(value: Any, dtype: int) -> ServingError:
    words = {bool: str(value), type(None): "Null", dict: "Object", list: "Array", str: "String"}
    kind = words.get(type(value), "Number")
    return invalid(
        f"JSON Value: {_shown(value)} Type: {kind} is not of expected type: {dtype_name(dtype)}"
    )


def _shown(value: Any) -> str:
    """The start of a value as JSON, for messages."""
    text = repr(value) if isinstance(value, (int, float)) else json.dumps(_cut(value), default=str)
    return text if len(text) <= 256 else text[:256] + "…"


def _cut(value: Any, left: int = 4) -> Any:
    """The first parts of a value: a message must not cost more than its request."""
    if isinstance(value, str):
        return value[:64]
    if isinstance(value, (list, dict)) and not left:
        return "…"
    if isinstance(value, list):
        return [_cut(item, left - 1) for item in value[:8]]
    if isinstance(value, dict):
        return {str(key)[:64]: _cut(item, left - 1) for key, item in list(value.items())[:8]}
    return value


def predictions(outputs: Mapping[str, np.ndarray], rows: bool) -> bytes:
    """The body of an answer to predict: `predictions` in row format, `outputs` in column format.

    Raises:
      ServingError: INVALID_ARGUMENT: in row format, the outputs do not share a first axis; or a type without JSON.
    """
    plain = {name: _plain(array, name) for name, array in outputs.items()}
    if not rows:
        body = plain if len(plain) != 1 else next(iter(plain.values()))
        return encode({"outputs": body})
    sizes = {}
    for name, array in outputs.items():
        if not array.ndim:
            raise invalid(f"Tensor name: {name} has no shape information ")
        sizes[name] = array.shape[0]
        if array.shape[0] != (first := next(iter(sizes.values()))):
            raise invalid(
                f"Tensor name: {name} has inconsistent batch size: {array.shape[0]} expecting: {first}"
            )
    if len(plain) == 1:
        return encode({"predictions": next(iter(plain.values()))})
    return encode({"predictions": _each(plain)})


def by_row(arrays: Mapping[str, np.ndarray]) -> list[dict[str, Any]]:
    """Arrays that share a first axis as a list of rows, as `instances` would have them."""
    return _each({name: _plain(array, name) for name, array in arrays.items()})


def _each(plain: Mapping[str, Any]) -> list[dict[str, Any]]:
    return [dict(zip(plain, row, strict=True)) for row in zip(*plain.values(), strict=True)]


def _plain(array: np.ndarray, name: str) -> Any:
    """What orjson can write: numbers stay an array, strings become nested lists."""
    if array.dtype.hasobject:
        write = _base64_of if name.endswith(BYTES) else _text_of
        flat = np.empty(array.size, object)
        flat[:] = [write(item) for item in array.flat]
        return flat.reshape(array.shape).tolist()
    if array.dtype.kind not in "biuf":
        kind = array.dtype.name
        raise invalid(f"Failed to write JSON value for tensor type: {kind}")
    return np.ascontiguousarray(array) if array.ndim else array[()]


def _base64_of(item: bytes) -> dict[str, str]:
    return {"b64": base64.b64encode(item).decode()}


def _text_of(item: bytes) -> str:
    return item.decode("utf-8", "replace")


def encode(value: Any) -> bytes:
    """JSON of arrays and plain values; numbers that are not finite are NaN, Infinity and -Infinity."""
    text = orjson.dumps(value, option=orjson.OPT_SERIALIZE_NUMPY)
    if b"null" in text and not _finite(value):
        return json.dumps(value, default=_listed, ensure_ascii=False).encode()
    return text


def _finite(value: Any) -> bool:
    if isinstance(value, dict):
        return all(map(_finite, value.values()))
    if isinstance(value, (list, tuple)):
        return all(map(_finite, value))
    if isinstance(value, (np.ndarray, np.floating)) and value.dtype.kind == "f":
        return bool(np.isfinite(value).all())
    return not isinstance(value, float) or math.isfinite(value)


def _listed(array: np.ndarray | np.generic) -> Any:
    """Float32 in its own shortest digits, not in those of the double that it becomes."""
    if array.dtype.kind != "f" or array.dtype.itemsize > 4:
        return array.tolist()
    if not array.ndim:
        return float(str(array[()]))
    flat = np.array([float(str(number)) for number in array.flat], np.float64)
    return flat.reshape(array.shape).tolist()
