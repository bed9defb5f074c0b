"""TFX's statistics as JSON, against pandas on the same rows."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from google.protobuf import text_format
from tensorflow_metadata.proto.v0 import schema_pb2

from perceiver_keras.components.data import data_statistics
from tests.components.data_samples import ROWS, SCHEMA, write_statistics

KINDS = {"label": "label", "image": "picture"}


@pytest.fixture(scope="module")
def measures(tmp_path_factory) -> dict[str, dict]:
    folder = write_statistics(tmp_path_factory.mktemp("statistics"), ROWS)
    assert data_statistics.splits_of(str(folder)) == ["test", "train"]
    found = data_statistics.measures(str(folder), KINDS)
    json.dumps(found, allow_nan=False)
    return {row["name"]: row for row in found}


def test_measures_stand_in_the_order_of_the_features_without_what_is_only_technical(
    measures,
) -> None:
    assert list(measures)[0] == "label" and set(list(measures)[1:]) == {
        "image/mean",
        "image/height",
        "image/format",
    }
    assert measures["image/mean"]["unit"] == "0 to 255"
    assert measures["label"] == measures["label"] | {"unit": "", "meaning": "the class"}


def test_numbers_are_those_of_pandas(measures) -> None:
    for split, frame in ROWS.items():
        found, values = measures["image/mean"]["splits"][split], frame["image/mean"]
        expected = {
            "count": len(values),
            "missing": 0,
            "mean": values.mean(),
            "std": values.std(ddof=0),
            "min": values.min(),
            "max": values.max(),
        }
        assert {key: found[key] for key in expected} == pytest.approx(expected)
        assert found["median"] == pytest.approx(values.median(), rel=0.02)
        assert sum(count for *_, count in found["histogram"]) == pytest.approx(
            len(values), rel=0.01
        )
        assert found["histogram"][0][0] == pytest.approx(values.min())


def test_names_are_counted(measures) -> None:
    for split, frame in ROWS.items():
        found = measures["label"]["splits"][split]
        assert dict(map(tuple, found["top"])) == dict(frame["label"].value_counts())
        assert found["unique"] == 3 and found["top"][0][0] == "cat"
        assert found["values"] == len(frame)


def test_what_cannot_be_decoded_is_listed(tmp_path: Path) -> None:
    broken = ROWS["test"].assign(**{"image/undecodable": [1, *[0] * 59]})
    broken.loc[0, "image/mean"] = np.nan
    folder = write_statistics(tmp_path, {"train": ROWS["train"], "test": broken})
    found = {row["name"]: row for row in data_statistics.measures(str(folder), KINDS)}
    assert found["image/undecodable"]["splits"]["test"]["max"] == 1
    assert found["image/mean"]["splits"]["test"]["missing"] == 1


def test_what_a_schema_allows_in_words(tmp_path: Path) -> None:
    text_format.Parse(SCHEMA, schema_pb2.Schema())  # it is one
    (tmp_path / "schema.pbtxt").write_text(SCHEMA)
    rows = {row["name"]: row for row in data_statistics.schema_rows(str(tmp_path))}
    assert rows["image/height"]["allowed"] == "8, 16"
    assert rows["image/mean"] == {
        "name": "image/mean",
        "kind": "number",
        "presence": "some examples",
        "allowed": "0 to 255",
    }
    assert rows["label"]["presence"] == "every example" and "c11" in rows["label"]["allowed"]
    assert rows["image/format"]["kind"] == "name"
