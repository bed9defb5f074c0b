"""Columns of TFDV's own statistics, against the values they were computed from."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import tensorflow_data_validation as tfdv

from perceiver_keras.components.data.split_statistics import (
    INDEX,
    columns,
    load,
    num_examples,
    statistics_options,
    without_index,
)
from perceiver_keras.errors import PerceiverError
from tests.components import described_data

pytestmark = pytest.mark.tfx
ROWS = described_data.splits(0)["train"]


def test_columns_are_what_numpy_counts() -> None:
    statistics = described_data.statistics(ROWS)
    found = columns(statistics)
    assert num_examples(statistics) == 300 and INDEX not in found
    mean = found["image/mean"]
    values = np.array([row["image/mean"] for row in ROWS])
    assert (mean.low, mean.high) == pytest.approx((values.min(), values.max()))
    assert mean.mean == pytest.approx(values.mean(), rel=1e-5)
    assert mean.buckets[:, 2].sum() == pytest.approx(1) and len(mean.buckets) == 100
    assert not (mean.is_name or mean.is_int) and mean.missing == 0
    label = found["label"]
    assert label.is_name and label.counts == {
        name: sum(row["label"] == name.encode() for row in ROWS) for name in described_data.CLASSES
    }
    assert sum(label.shares.values()) == pytest.approx(1)
    assert found["image/height"].is_int and found["image/height"].low == 8


def test_an_example_without_a_measure_is_missing() -> None:
    rows = [
        {k: v for k, v in row.items() if i > 4 or k != "image/mean"} for i, row in enumerate(ROWS)
    ]
    found = columns(described_data.statistics(rows))["image/mean"]
    assert (found.missing, found.present, found.examples) == (5, 295, 300)


def test_all_names_are_counted_also_many() -> None:
    """TFDV's default keeps the twenty most frequent as top values."""
    rows = [{"label": f"class {i % 500}".encode()} for i in range(1000)]
    counts = columns(described_data.statistics(rows))["label"].counts
    assert len(counts) == 500 and set(counts.values()) == {2}


def test_the_index_is_no_feature_of_a_schema() -> None:
    statistics = described_data.statistics(ROWS)
    kept = [feature.path.step[0] for feature in without_index(statistics).datasets[0].features]
    assert INDEX not in kept and len(kept) == len(ROWS[0])
    assert len(statistics.datasets[0].features) == len(ROWS[0]) + 1  # the original is as it was


def test_the_options_survive_the_json_that_tfx_passes_them_in() -> None:
    options = tfdv.StatsOptions.from_json(statistics_options().to_json())
    assert options.num_quantiles_histogram_buckets == 100


def test_statistics_that_are_gone_are_one_line(tmp_path: Path) -> None:
    with pytest.raises(
        PerceiverError, match="Split-train/FeatureStats.pb are gone; run with --no-cache"
    ):
        load(str(tmp_path), "train")
