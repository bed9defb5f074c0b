"""JSON to arrays and back, against Python's own JSON and NumPy."""

from __future__ import annotations

import base64
import json

import numpy as np
import pytest
import tensorflow as tf
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from perceiver_keras.server import rows
from perceiver_keras.server.loaded import End
from perceiver_keras.server.status import Code, ServingError

X = {"x": End(tf.float32.as_datatype_enum, None)}
SHAPES = hnp.array_shapes(min_dims=1, max_dims=3, min_side=1, max_side=3)
KINDS = ("float32", "float64", "int32", "int64", "uint8", "bool")


@settings(max_examples=60)
@given(st.data())
def test_numbers_go_both_ways(data) -> None:
    kind = data.draw(st.sampled_from(KINDS))
    array = data.draw(hnp.arrays(kind, SHAPES))
    ends = {"x": End(tf.as_dtype(kind).as_datatype_enum, None)}
    for row, key in ((True, "predictions"), (False, "outputs")):
        text = rows.predictions({"x": array}, row)
        values = json.loads(text)[key]
        asked = rows.parse(json.dumps({"instances" if row else "inputs": values}).encode())
        assert rows.is_rows(asked) == row
        back = rows.arrays_of(asked, ends)["x"]
        assert back.dtype == array.dtype
        np.testing.assert_array_equal(back, array)


@settings(max_examples=60)
@given(st.binary(max_size=40), st.booleans())
def test_bytes_go_both_ways_with_and_without_padding(content, bare) -> None:
    coded = base64.b64encode(content).decode()
    assert rows.decode_base64({"b64": coded.rstrip("=") if bare else coded}) == content
    array = np.array([content], object)
    (value,) = json.loads(rows.predictions({"x_bytes": array}, False))["outputs"]
    assert base64.b64decode(value["b64"]) == content


@pytest.mark.parametrize("text", ["a", "QQ=A", "Q!Q=", "====", "é", "QQ==QQ=="])
def test_what_is_no_base64_is_refused(text) -> None:
    if text == "====":
        assert rows.decode_base64({"b64": text}) == b""
        return
    with pytest.raises(ServingError, match="Unable to base64 decode"):
        rows.decode_base64({"b64": text})


def test_line_breaks_in_base64_are_ignored() -> None:
    assert rows.decode_base64({"b64": "QU\nJD"}) == b"ABC"


TWO = {"a": X["x"], "b": End(tf.int64.as_datatype_enum, None)}


@pytest.mark.parametrize(
    ("document", "inputs", "words"),
    [
        ({}, X, "Missing 'inputs' or 'instances' key"),
        ({"instances": [1], "inputs": [1]}, X, "expecting only one of 'inputs' or 'instances'"),
        ({"instances": {"x": 1}}, X, "Expecting 'instances' to be an list/array"),
        ({"instances": []}, X, "No values in 'instances' array"),
        ({"instances": [1]}, TWO, "instances is a plain list"),
        ({"inputs": [1]}, TWO, "inputs is a plain value/list"),
        ({"inputs": {"a": [1]}}, TWO, "Missing named input: b in 'inputs' object."),
        ({"instances": [{"a": 1}]}, TWO, "keys must be equal to: a,b"),
        ({"instances": [{"a": 1, "b": 1}, 3]}, TWO, "Expecting object but got list at item 1"),
        ({"instances": [1, {"x": 1}]}, X, "Expecting value/list but got object at item 1"),
        ({"inputs": [1, "a"]}, X, 'JSON Value: "a" Type: String is not of expected type: float'),
        ({"inputs": [1, None]}, X, "Type: Null is not of expected type: float"),
        ({"inputs": [1, True]}, X, "Type: True is not of expected type: float"),
        (
            {"inputs": {"a": [1], "b": [1.0]}},
            TWO,
            "1.0 Type: Number is not of expected type: int64",
        ),
        ({"inputs": {"a": [1], "b": [2**63]}}, TWO, "is not of expected type: int64"),
        ({"inputs": [[1, 2], [3]]}, X, "unexpected size: 1 at level: 1 expected size: 2"),
        ({"inputs": [[1], 2]}, X, "found at incorrect level: 2"),
        ({"inputs": [1, [2]]}, X, "Encountered list at unexpected level: 1"),
        ({"inputs": [10**400]}, X, "is not of expected type: float"),
        ({"inputs": [float("nan"), 1e308, 10**400, 7]}, X, "JSON Value: 10000000000"),
        ({"inputs": [{"b64": "QQ=="}]}, X, "Type: Object is not of expected type: float"),
    ],
)
def test_what_is_wrong_is_told_as_tensorflow_serving_does(document, inputs, words) -> None:
    with pytest.raises(ServingError) as caught:
        rows.arrays_of(document, inputs)
    assert caught.value.code == Code.INVALID_ARGUMENT and words in caught.value.message


def test_types_without_json_are_unimplemented() -> None:
    with pytest.raises(ServingError) as caught:
        rows.array_of([1], "x", tf.bfloat16.as_datatype_enum)
    assert caught.value.code == Code.UNIMPLEMENTED
    with pytest.raises(ServingError, match="Failed to write JSON value"):
        rows.predictions({"x": np.complex64([1])}, False)


@pytest.mark.parametrize(
    "body", [b"", b"{", b"[1]", b"3", b"\xff", b'{"a": "\xff"}', b"nul", b"NaN"]
)
def test_what_is_no_object_is_refused(body) -> None:
    with pytest.raises(ServingError, match="JSON"):
        rows.parse(body)


def test_half_of_a_surrogate_pair_is_refused_in_both_parsers() -> None:
    for body in (b'{"inputs": ["\\ud800"]}', b'{"inputs": ["\\ud800"], "n": NaN}'):
        with pytest.raises(ServingError, match="JSON Parse error"):
            rows.array_of(rows.parse(body)["inputs"], "x", tf.string.as_datatype_enum)


def test_row_format_needs_one_first_axis() -> None:
    with pytest.raises(ServingError, match="has inconsistent batch size: 1 expecting: 2"):
        rows.predictions({"a": np.zeros(2), "b": np.zeros(1)}, True)
    with pytest.raises(ServingError, match="has no shape information"):
        rows.predictions({"a": np.float32(1)}, True)


@settings(max_examples=40)
@given(hnp.arrays("float32", SHAPES))
def test_not_finite_numbers_are_pythons_tokens(array) -> None:
    back = np.float32(json.loads(rows.predictions({"x": array}, False))["outputs"])
    np.testing.assert_array_equal(back, array)


def test_a_message_never_repeats_a_large_value() -> None:
    with pytest.raises(ServingError) as caught:
        rows.arrays_of({"instances": "x" * 10**6}, X)
    assert len(caught.value.message) < 500
