"""Finding described examples again, over several files."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf

from perceiver_keras.components.data import described_rows
from tests.components import described_data

pytestmark = pytest.mark.tfx
SPLITS = described_data.splits(0)


@pytest.fixture(scope="module")
def folder(tmp_path_factory) -> str:
    # Brackets are no pattern.
    made = str(tmp_path_factory.mktemp("rows") / "described [1]")
    SPLITS["test"][70].pop("image/mean")
    described_data.write_described(made, SPLITS)
    return made


def test_rows_are_in_order_over_all_files(folder: str) -> None:
    (batch,) = described_rows.rows(folder, "test", {"image/width": tf.int64})
    assert batch[described_rows.INDEX].values.numpy().tolist() == list(range(80))
    expected = [row["image/width"] for row in SPLITS["test"]]
    assert batch["image/width"].values.numpy().tolist() == expected


def test_values_of_whole_numbers_are_counted_over_splits(folder: str) -> None:
    found = described_rows.values_of(folder, SPLITS, ["image/width", "image/height"])
    widths = [row["image/width"] for rows in SPLITS.values() for row in rows]
    assert found["image/width"] == {size: widths.count(size) for size in (8, 12, 16)}
    assert found["image/height"] == {8: 440}


def test_a_measure_of_many_values_is_left_out(tmp_path: Path) -> None:
    rows = [{"many": i, "few": i % 3} for i in range(200)]
    described_data.write_described(str(tmp_path), {"train": rows})
    assert described_rows.values_of(str(tmp_path), ["train"], ["many", "few"]).keys() == {"few"}


def test_the_places_of_the_first_eight_are_found_and_all_are_counted(folder: str) -> None:
    count, places, seen = described_rows.count_where(
        folder, "train", "image/width", tf.int64, lambda values: values == 12
    )
    expected = [i for i, row in enumerate(SPLITS["train"]) if row["image/width"] == 12]
    assert count == len(expected) and places == expected[:8] and seen == {12: count}
    count, places, seen = described_rows.count_where(
        folder, "train", "label", tf.string, lambda values: values == b"ant"
    )
    assert count == sum(row["label"] == b"ant" for row in SPLITS["train"]) and seen == {
        "ant": count
    }


def test_none_is_found_where_none_is(folder: str) -> None:
    nothing = described_rows.count_where(folder, "train", "no/such", tf.int64, lambda v: v > 0)
    assert nothing[:2] == (0, [])
    nan = described_rows.count_where(folder, "train", "image/mean", tf.float32, np.isnan)
    assert nan[:2] == (0, [])


def test_examples_that_lack_a_measure_are_found(folder: str) -> None:
    assert described_rows.without(folder, "test", "image/mean", tf.float32) == [70]
    assert described_rows.without(folder, "test", "no/such", tf.int64) == list(range(8))
