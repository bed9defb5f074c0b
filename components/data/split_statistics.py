"""Statistics of described examples, one column per measure: how often it is there, its range, and its distribution.

The statistics are TFDV's, so they come from any Beam runner; only their quantiles and counts are read here.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import tensorflow_data_validation as tfdv
from tensorflow_metadata.proto.v0 import statistics_pb2

from perceiver_keras.errors import PerceiverError

INDEX = "perceiver/index"  # the place of a described example in its split: no measure
FILE = "FeatureStats.pb"
QUANTILES = 100
MOST_NAMES = 10_000  # classes, formats, scripts: names that are counted one by one

Statistics = statistics_pb2.DatasetFeatureStatisticsList


def statistics_options() -> tfdv.StatsOptions:
    """What StatisticsGen must be told for comparisons to be fine enough: hundredths of a distribution, all names."""
    return tfdv.StatsOptions(
        num_quantiles_histogram_buckets=QUANTILES,
        num_rank_histogram_buckets=MOST_NAMES,
        num_top_values=MOST_NAMES,
    )


@dataclass(frozen=True)
class Column:
    """One measure of one split.

    Attributes:
      name: Of the measure, "image/height".
      is_name: Whether its values are names; else they are numbers.
      is_int: Whether its values are whole numbers.
      present: Examples that have it.
      examples: Of the split.
      counts: Of names: how many values of each.
      low, high, mean: Of numbers: the least, the greatest, and the mean.
      buckets: Of numbers: their quantiles, float64 [Q, 3]: from, to (the same for a single value), share of examples.
    """

    name: str
    is_name: bool
    is_int: bool
    present: int
    examples: int
    counts: Mapping[str, float]
    low: float
    high: float
    mean: float
    buckets: np.ndarray

    @property
    def missing(self) -> int:
        return self.examples - self.present

    @property
    def shares(self) -> dict[str, float]:
        """Of names: the share of each among all values."""
        total = sum(self.counts.values())
        return {name: count / total for name, count in self.counts.items()} if total else {}


def load(uri: str, split: str) -> Statistics:
    """TFDV's statistics of one split, in the folder of an ExampleStatistics artifact.

    Raises:
      PerceiverError: the file is gone.
    """
    import tensorflow as tf

    path = os.path.join(uri, f"Split-{split}", FILE)
    if not tf.io.gfile.exists(path):
        raise PerceiverError(
            f"The statistics {path} are gone; run with --no-cache to compute them again."
        )
    return tfdv.load_stats_binary(path)


def without_index(statistics: Statistics) -> Statistics:
    """The same statistics without `INDEX`, which no schema describes."""
    kept = Statistics()
    kept.CopyFrom(statistics)
    for dataset in kept.datasets:
        features = [feature for feature in dataset.features if name_of(feature) != INDEX]
        del dataset.features[:]
        dataset.features.extend(features)
    return kept


def name_of(feature: statistics_pb2.FeatureNameStatistics) -> str:
    """The name of a feature in statistics."""
    return ".".join(feature.path.step) if feature.path.step else feature.name


def num_examples(statistics: Statistics) -> int:
    """Of the split."""
    return int(statistics.datasets[0].num_examples) if statistics.datasets else 0


def columns(statistics: Statistics) -> dict[str, Column]:
    """The measures of a split by name."""
    found = {}
    for feature in statistics.datasets[0].features if statistics.datasets else ():
        name = name_of(feature)
        if name != INDEX:
            found[name] = _column(name, feature, num_examples(statistics))
    return found


def _column(name: str, feature: statistics_pb2.FeatureNameStatistics, examples: int) -> Column:
    is_name = feature.WhichOneof("stats") != "num_stats"
    common = (feature.string_stats if is_name else feature.num_stats).common_stats
    counts: dict[str, float] = {}
    low = high = mean = float("nan")
    buckets = np.zeros((0, 3))
    if is_name:
        ranks = feature.string_stats.rank_histogram.buckets
        # Statistics made with other options keep only the commonest.
        counts = {bucket.label: bucket.sample_count for bucket in ranks}
    else:
        low, high = feature.num_stats.min, feature.num_stats.max
        mean = feature.num_stats.mean
        buckets = _quantiles(feature.num_stats)
    return Column(
        name=name,
        is_name=is_name,
        is_int=feature.type == statistics_pb2.FeatureNameStatistics.INT,
        present=int(common.num_non_missing),
        examples=examples,
        counts=counts,
        low=low,
        high=high,
        mean=mean,
        buckets=buckets,
    )


def _quantiles(stats: statistics_pb2.NumericStatistics) -> np.ndarray:
    for histogram in stats.histograms:
        if histogram.type == statistics_pb2.Histogram.QUANTILES:
            rows = [(b.low_value, b.high_value, b.sample_count) for b in histogram.buckets]
            buckets = np.array(rows, np.float64).reshape(-1, 3)
            buckets = buckets[np.isfinite(buckets).all(axis=1) & (buckets[:, 2] > 0)]
            if len(buckets):
                buckets[:, 2] /= buckets[:, 2].sum()
            return buckets
    return np.zeros((0, 3))
