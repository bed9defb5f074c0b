"""What a schema allows, from data: TFDV itself validates against it."""

from __future__ import annotations

import pytest
import tensorflow as tf
import tensorflow_data_validation as tfdv
from tensorflow_transform.tf_metadata import schema_utils

from perceiver_keras.components.data.schema_proposal import example_schema
from perceiver_keras.components.data.schema_words import classes_of, exact_values, in_words
from perceiver_keras.components.data.split_statistics import without_index
from perceiver_keras.tasks import registry
from tests.components import described_data

pytestmark = pytest.mark.tfx


@pytest.fixture(scope="module")
def clean(tmp_path_factory):
    return described_data.run(str(tmp_path_factory.mktemp("clean")), described_data.splits(0))


def rows_of(schema) -> dict[str, dict]:
    return {row["feature"]: row for row in in_words(schema)}


def test_sizes_are_exact_shares_and_brightness_have_their_bounds_others_a_margin(clean) -> None:
    rows = rows_of(clean.schema)
    assert rows["image/height"]["values"] == [8] and rows["image/width"]["values"] == [8, 12, 16]
    assert rows["image/format"]["values"] == ["PNG"] and rows["image/undecodable"]["values"] == [0]
    assert rows["image/mean"]["range"] == [0, 255]
    assert all(row["required"] for row in rows.values())
    assert "perceiver/index" not in rows


def test_numbers_without_bounds_of_their_own_may_be_farther_by_the_width_of_what_was_seen(
    tmp_path,
) -> None:
    made = {"train": [{"text/bytes": 20 + i, "x": float(i) - 5} for i in range(11)]}
    run = described_data.run(str(tmp_path), made)
    rows = rows_of(run.schema)
    assert rows["text/bytes"]["range"] == [10, 40]
    assert rows["x"]["range"] == [-15, 15]


def test_the_data_itself_passes_by_tfdv_in_every_split(clean) -> None:
    for statistics in clean.statistics.values():
        assert not tfdv.validate_statistics(without_index(statistics), clean.schema).anomaly_info


@pytest.mark.parametrize(
    "order", [["ant", "bee", "cow", "dog"], ["dog", "cow", "bee", "ant", "elk"]]
)
def test_classes_keep_the_order_of_the_names(tmp_path, order: list[str]) -> None:
    run = described_data.run(str(tmp_path), described_data.splits(0), order)
    assert classes_of(run.schema) == {"label": order}


def test_classes_without_names_are_numbers_in_their_order(tmp_path) -> None:
    rows = [{"label": str(i % 12).encode()} for i in range(60)]
    run = described_data.run(str(tmp_path), {"train": rows}, None)
    assert classes_of(run.schema) == {"label": [str(i) for i in range(12)]}


def test_a_rare_size_or_name_says_that_there_may_be_others(tmp_path) -> None:
    rows = [{"image/height": 8, "image/format": b"PNG", "text/script": b"Latin"} for _ in range(50)]
    rows[0] = {"image/height": 9, "image/format": b"JPEG", "text/script": b"Han"}
    schema = described_data.run(str(tmp_path), {"train": rows}).schema
    found = rows_of(schema)
    assert found["image/height"]["values"] is None and found["image/height"]["range"] == [7, 10]
    assert found["image/format"]["allowed"] == found["text/script"]["allowed"] == "any"
    assert exact_values(schema.feature[1]) is None


def test_what_some_examples_or_a_split_lack_is_not_required(tmp_path) -> None:
    rows = [{"a": 1.0, "b": 1.0} for _ in range(20)]
    made = {"train": [rows[0], *({"a": 2.0} for _ in range(5))], "test": rows}
    found = rows_of(described_data.run(str(tmp_path), made).schema)
    assert found["a"]["required"] and not found["b"]["required"]


@pytest.mark.parametrize("name", registry.names())
def test_the_schema_of_the_stored_examples_is_the_task_s_spec(name: str) -> None:
    """As Transform reads it: required features with their shape, the others sparse."""
    task = registry.get(name)
    spec = task.examples.spec(task.preset("tiny").config)
    read = schema_utils.schema_as_feature_spec(example_schema(spec)).feature_spec
    assert read.keys() == spec.keys()
    for key, feature in spec.items():
        if feature.default_value is None:
            assert read[key] == tf.io.FixedLenFeature(feature.shape, feature.dtype), key
        else:
            assert read[key] == tf.io.VarLenFeature(feature.dtype), key
