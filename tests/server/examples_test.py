"""JSON to tf.Examples."""

from __future__ import annotations

import pytest

from perceiver_keras.server import examples
from perceiver_keras.server.status import ServingError


def test_values_become_features_of_their_kind() -> None:
    document = {
        "context": {"c": "é"},
        "examples": [{"i": [1, True], "f": 0.5, "s": ["a", {"b64": "/w=="}], "none": []}],
    }
    message = examples.input_of(document).example_list_with_context
    (example,) = message.examples
    feature = example.features.feature
    assert list(feature["i"].int64_list.value) == [1, 1]
    assert list(feature["f"].float_list.value) == [0.5]
    assert list(feature["s"].bytes_list.value) == [b"a", b"\xff"]
    assert feature["none"].WhichOneof("kind") is None
    assert message.context.features.feature["c"].bytes_list.value[0] == "é".encode()
    assert examples.input_of({"examples": [{}]}).WhichOneof("kind") == "example_list"


@pytest.mark.parametrize(
    ("document", "words"),
    [
        ({}, "key 'examples' is expected and was not found"),
        ({"examples": {}}, "value to be an list/array"),
        ({"examples": []}, "'examples' value is an empty array"),
        ({"examples": [3]}, "Example must be JSON object but got JSON int"),
        (
            {"examples": [{"a": [1, "b"]}]},
            "Unexpected element type in feature: a expecting type: int64",
        ),
        ({"examples": [{"a": None}]}, "has element with unexpected JSON type: NoneType"),
        ({"examples": [{"a": [[1]]}]}, "has element with unexpected JSON type: list"),
        ({"examples": [{"a": 2**63}]}, "Only int64_t is supported"),
        ({"examples": [{"a": {"b64": "!"}}]}, "Unable to base64 decode"),
        ({"examples": [{"a\ud800": 1}]}, "not UTF-8"),
        ({"examples": [{"a": "\ud800"}]}, "surrogate"),
    ],
)
def test_what_is_no_example_is_refused(document, words) -> None:
    with pytest.raises(ServingError) as caught:
        examples.input_of(document)
    assert words in caught.value.message


def test_a_number_beyond_float32_is_infinite_as_in_a_float() -> None:
    example = examples.input_of({"examples": [{"a": 1e300}]}).example_list.examples[0]
    assert example.features.feature["a"].float_list.value[0] == float("inf")
