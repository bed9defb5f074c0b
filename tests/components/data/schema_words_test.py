"""Schemas in words, and what is different between two."""

from __future__ import annotations

import pytest
from google.protobuf import text_format
from tensorflow_metadata.proto.v0 import schema_pb2

from perceiver_keras.components.data.schema_words import (
    classes_of,
    differences,
    exact_values,
    in_words,
)

pytestmark = pytest.mark.tfx
TEXT = """
feature { name: "image/height" type: INT int_domain { min: 8 max: 16 }
  presence { min_fraction: 1 min_count: 1 } annotation { tag: "values 8 16" } }
feature { name: "image/mean" type: FLOAT float_domain { min: 0 max: 255 } presence { min_count: 1 } }
feature { name: "label" type: BYTES domain: "label" annotation { tag: "classes" } }
feature { name: "text/script" type: BYTES }
string_domain { name: "label" value: "bee" value: "ant" }
"""


def schema(*changes: tuple[str, str]) -> schema_pb2.Schema:
    text = TEXT
    for old, new in changes:
        assert old in text
        text = text.replace(old, new)
    return text_format.Parse(text, schema_pb2.Schema())


def test_a_row_per_feature() -> None:
    height, mean, label, script = in_words(schema())
    assert height == {
        "feature": "image/height",
        "type": "whole number",
        "required": True,
        "allowed": "8, 16",
        "classes": None,
        "values": [8, 16],
        "range": None,
    }
    assert mean["range"] == [0, 255] and mean["allowed"] == "0 to 255" and not mean["required"]
    assert label["classes"] == ["bee", "ant"] and label["allowed"] == "2 classes: bee, ant"
    assert script["allowed"] == "any" and script["type"] == "name"


def test_classes_keep_their_order_and_exact_values_are_numbers() -> None:
    assert classes_of(schema()) == {"label": ["bee", "ant"]}
    assert exact_values(schema().feature[0]) == [8, 16]
    assert exact_values(schema().feature[1]) is None


@pytest.mark.parametrize(
    ("change", "text"),
    [
        (('tag: "values 8 16"', 'tag: "values 8"'), "image/height: 8, 16 becomes 8"),
        (("max: 255", "max: 300"), "image/mean: 0 to 255 becomes 0 to 300"),
        (('value: "ant"', 'value: "ant" value: "cow"'), "label: new cow"),
        (('value: "ant"', ""), "label: gone ant"),
        (
            ('value: "bee" value: "ant"', 'value: "ant" value: "bee"'),
            "label: another order, bee, ant becomes ant, bee",
        ),
        (
            ("type: FLOAT float_domain { min: 0 max: 255 }", "type: BYTES"),
            "image/mean: type: number becomes name",
        ),
        (("min_fraction: 1 ", ""), "image/height: required: True becomes False"),
        (('name: "text/script"', 'name: "text/words"'), "text/script: is gone"),
    ],
)
def test_each_difference_is_said(change: tuple[str, str], text: str) -> None:
    assert text in [row["text"] for row in differences(schema(), schema(change))]


def test_equal_schemas_have_none_and_the_fifth_digit_is_none() -> None:
    assert differences(schema(), schema()) == []
    assert differences(schema(), schema(("max: 255", "max: 255.001"))) == []


def test_against_nothing_all_is_new() -> None:
    assert [row["text"] for row in differences(schema_pb2.Schema(), schema())] == [
        f"{name}: is new" for name in ("image/height", "image/mean", "label", "text/script")
    ]
