"""TFX's statistics and schema of described examples as plain JSON, for the report."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Any

import tensorflow as tf
from google.protobuf import text_format
from tensorflow_metadata.proto.v0 import schema_pb2, statistics_pb2

from perceiver_keras.components.data import schema_words, split_statistics
from perceiver_keras.data.described.kinds import Kind
from perceiver_keras.data.described.measures import UNDECODABLE, measure_of

SCHEMA_FILE = "schema.pbtxt"
MOST_NAMES = 200  # of a measure of names, the commonest
UNTOLD_UNITS = ("1", "any", "name")


def splits_of(uri: str) -> list[str]:
    """The splits in the folder of an ExampleStatistics artifact."""
    folders = [name.rstrip("/") for name in tf.io.gfile.listdir(uri)]
    return sorted(name.removeprefix("Split-") for name in folders if name.startswith("Split-"))


def measures(uri: str, kinds: Mapping[str, Kind]) -> list[dict[str, Any]]:
    """What `show/histograms.py` shows: {"name", "unit", "meaning", "splits": {split: numbers or names}} per measure.

    Measures of one feature stand together, in the features' order. That everything could be decoded is not listed.

    Args:
      uri: The folder of an ExampleStatistics artifact, of described examples.
      kinds: The task's.
    """
    found: dict[str, dict[str, Any]] = {}
    for split in splits_of(uri):
        statistics = split_statistics.load(uri, split)
        examples = split_statistics.num_examples(statistics)
        for feature in statistics.datasets[0].features if statistics.datasets else ():
            name = split_statistics.name_of(feature)
            if name != split_statistics.INDEX:
                found.setdefault(name, {})[split] = _statistics(feature, examples)
    order = list(kinds)
    rows = []
    for name, of_splits in found.items():
        measure = measure_of(name, kinds)
        untold = measure is None or measure.unit in UNTOLD_UNITS
        row = {
            "name": name,
            "unit": "" if untold else measure.unit,
            "meaning": "" if measure is None else measure.meaning,
            "splits": of_splits,
        }
        if not _all_decoded(row):
            rows.append(row)

    def feature_of(row: Mapping[str, Any]) -> str:
        return row["name"] if row["name"] in kinds else row["name"].rpartition("/")[0]

    return sorted(
        rows,
        key=lambda row: order.index(feature_of(row)) if feature_of(row) in order else len(order),
    )


def schema_rows(uri: str) -> list[dict[str, str]]:
    """What a schema allows, {"name", "kind", "presence", "allowed"} per feature.

    Args:
      uri: The folder of a Schema artifact.
    """
    schema = schema_pb2.Schema()
    with tf.io.gfile.GFile(os.path.join(uri, SCHEMA_FILE)) as file:
        text_format.Parse(file.read(), schema)
    return [
        {
            "name": row["feature"],
            "kind": row["type"],
            "presence": "every example" if row["required"] else "some examples",
            "allowed": row["allowed"],
        }
        for row in schema_words.in_words(schema)
    ]


def _all_decoded(row: Mapping[str, Any]) -> bool:
    return row["name"].rpartition("/")[2] == UNDECODABLE and all(
        one.get("max") == 0 for one in row["splits"].values()
    )


def _statistics(feature: statistics_pb2.FeatureNameStatistics, examples: int) -> dict[str, Any]:
    is_name = feature.WhichOneof("stats") != "num_stats"
    stats = feature.string_stats if is_name else feature.num_stats
    present = int(stats.common_stats.num_non_missing)
    found: dict[str, Any] = {"count": present, "missing": max(examples - present, 0)}
    if is_name:
        ranks = feature.string_stats.rank_histogram.buckets
        top = [[bucket.label, bucket.sample_count] for bucket in ranks[:MOST_NAMES]]
        # Of which an example may have several, such as labels.
        values = int(stats.common_stats.tot_num_values)
        return found | {
            "unique": int(feature.string_stats.unique),
            "top": top,
            "values": values,
        }
    return found | {
        "mean": stats.mean,
        "std": stats.std_dev,
        "min": stats.min,
        "median": stats.median,
        "max": stats.max,
        "histogram": _histogram(stats),
    }


def _histogram(stats: statistics_pb2.NumericStatistics) -> list[list[float]]:
    for histogram in stats.histograms:
        if histogram.type == statistics_pb2.Histogram.STANDARD:
            return [[b.low_value, b.high_value, b.sample_count] for b in histogram.buckets]
    return []
