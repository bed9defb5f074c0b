"""JSON bodies of classify and regress to an Input of tf.Examples."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from tensorflow.core.example import example_pb2
from tensorflow_serving.apis import input_pb2

from perceiver_keras.server.rows import decode_base64
from perceiver_keras.server.status import invalid

KINDS = {"bytes_list": "bytes", "float_list": "float", "int64_list": "int64"}


def input_of(document: Mapping[str, Any]) -> input_pb2.Input:
    """The `examples` of a body, with its `context` if there is one.

    Raises:
      ServingError: INVALID_ARGUMENT that says which value is wrong.
    """
    if "examples" not in document:
        raise invalid("When method is classify, key 'examples' is expected and was not found")
    examples = document["examples"]
    if not isinstance(examples, list):
        raise invalid("Expecting 'examples' value to be an list/array")
    if not examples:
        raise invalid("'examples' value is an empty array")
    made = [_example(value) for value in examples]
    found = input_pb2.Input()
    if "context" in document:
        found.example_list_with_context.context.CopyFrom(_example(document["context"]))
        found.example_list_with_context.examples.extend(made)
    else:
        found.example_list.examples.extend(made)
    return found


def _example(value: Any) -> example_pb2.Example:
    if not isinstance(value, dict):
        raise invalid(f"Example must be JSON object but got JSON {type(value).__name__}")
    example = example_pb2.Example()
    for name, content in value.items():
        try:
            feature = example.features.feature[name]
        except (UnicodeEncodeError, ValueError):
            raise invalid("a feature's name is not UTF-8") from None
        for item in content if isinstance(content, list) else [content]:
            _add(feature, name, item)
    return example


def _add(feature: example_pb2.Feature, name: str, item: Any) -> None:
    kind, value = _kind_of(name, item)
    there = feature.WhichOneof("kind")
    if there not in (None, kind):
        raise invalid(f"Unexpected element type in feature: {name} expecting type: {KINDS[there]}")
    if kind == "int64_list" and not -(2**63) <= value < 2**63:
        raise invalid(f"Feature: {name} has uint64_t element. Only int64_t is supported.")
    try:
        getattr(feature, kind).value.append(value)
    except (TypeError, ValueError):
        raise invalid(f"Feature: {name} has a number out of range") from None


def _kind_of(name: str, item: Any) -> tuple[str, Any]:
    if isinstance(item, (bool, int)):
        return "int64_list", int(item)
    if isinstance(item, float):
        return "float_list", item
    if isinstance(item, str):
        try:
            return "bytes_list", item.encode()
        except UnicodeEncodeError:
            raise invalid("JSON Parse error: a string has half of a surrogate pair") from None
    if isinstance(item, dict) and "b64" in item:
        return "bytes_list", decode_base64(item)
    raise invalid(f"Feature: {name} has element with unexpected JSON type: {type(item).__name__}")
