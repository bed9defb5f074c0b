"""SchemaGen's files: a proposal with its statistics, which outlive what they were made from."""

from __future__ import annotations

from collections import Counter

import pytest

from perceiver_keras.components import schema_gen
from perceiver_keras.components.data import split_statistics
from tests.components import described_data

pytestmark = pytest.mark.tfx


@pytest.fixture(scope="module")
def clean(tmp_path_factory):
    return described_data.run(str(tmp_path_factory.mktemp("clean")), described_data.splits(0))


def test_a_schema_is_read_as_it_was_written(clean, tmp_path) -> None:
    schema_gen.write(str(tmp_path), clean.schema)
    assert schema_gen.read(str(tmp_path)) == clean.schema
    assert "values 8 12 16" in (tmp_path / "schema.pbtxt").read_text()


def test_a_schema_and_statistics_that_are_gone_are_nothing(tmp_path) -> None:
    assert schema_gen.read(str(tmp_path)) is None
    assert schema_gen.reference_statistics(str(tmp_path)) == {}


def test_statistics_are_read_by_split(clean, tmp_path) -> None:
    folder = tmp_path / schema_gen.REFERENCE / "Split-test"
    folder.mkdir(parents=True)
    (folder / split_statistics.FILE).write_bytes(clean.statistics["test"].SerializeToString())
    assert schema_gen.reference_statistics(str(tmp_path)) == {"test": clean.statistics["test"]}


def test_values_of_sizes_are_counted_and_a_single_one_needs_no_reading(clean) -> None:
    found = schema_gen.whole_values(clean.described, clean.statistics)
    rows = [row for made in described_data.splits(0).values() for row in made]
    assert found["image/width"] == Counter(row["image/width"] for row in rows)
    assert found["image/height"] == {8: 440} and found["image/undecodable"] == {0: 440}
    assert "image/mean" not in found
    single = {"train": described_data.statistics([{"image/height": 9}] * 20)}
    assert schema_gen.whole_values("/no/such/folder", single) == {"image/height": {9: 20}}
