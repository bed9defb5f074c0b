"""A schema that fits the data of a run: TFDV's inference, and what the task and the measures say beyond it.

- Classes are a string domain in the order of the data set's names, which is the order of the model's outputs.
- Technical measures (`TECHNICAL`: sizes, rates, formats) of which there are few different values, none of them rare,
  are exactly these values; TFDV's domain has their range, and the annotation's tag `values …` each of them.
- Other numbers have a range: of shares 0 to 1, of brightness 0 to 255, else from the least value minus the width of
  what was seen to the greatest plus that width, and not below 0 if nothing was.
- Other names are a domain if none of them is rare; else any name is allowed.
- A measure that every example of the run has is required.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import tensorflow as tf
import tensorflow_data_validation as tfdv
from tensorflow_metadata.proto.v0 import schema_pb2
from tensorflow_transform.tf_metadata import schema_utils

from perceiver_keras.components.data.schema_words import CLASSES_TAG, VALUES_TAG
from perceiver_keras.components.data.split_statistics import (
    Column,
    Statistics,
    columns,
    without_index,
)
from perceiver_keras.data.described.kinds import Kind
from perceiver_keras.data.described.measures import UNDECODABLE, measure_of

TECHNICAL = frozenset(
    {"height", "width", "channels", "format", "rate", "frames", "sizes", "columns", UNDECODABLE}
)
MOST_VALUES = 8  # a measure with more different values than this has a range instead
RARE = 5  # a value of fewer examples than this says that there may be others


def propose(
    statistics: Mapping[str, Statistics],
    kinds: Mapping[str, Kind],
    names: Sequence[str] | None,
    values: Mapping[str, Counter],
) -> schema_pb2.Schema:
    """The schema of described examples.

    Args:
      statistics: Of each split, by name; the first is the one to train on.
      kinds: Of the stored features, as the task says.
      names: Of the classes, in order; None: they are numbers, in theirs.
      values: How many examples have each value of the technical measures that are whole numbers.
    """
    first, *others = (without_index(split) for split in statistics.values())
    schema = tfdv.infer_schema(first, infer_feature_shape=False)
    for split in others:
        schema = tfdv.update_schema(schema, split)
    seen = _together(columns(split) for split in statistics.values())
    for feature in schema.feature:
        columns_of, counted = seen[feature.name], values.get(feature.name)
        _describe(schema, feature, columns_of, kinds, names, counted, len(statistics))
    domains = {feature.domain for feature in schema.feature if feature.domain}
    kept = sorted((d for d in schema.string_domain if d.name in domains), key=lambda d: d.name)
    del schema.string_domain[:]
    schema.string_domain.extend(kept)
    features = sorted(schema.feature, key=lambda feature: feature.name)
    del schema.feature[:]
    schema.feature.extend(features)
    return schema


def example_schema(spec: Mapping[str, Any]) -> schema_pb2.Schema:
    """The schema of the stored examples, from a task's `examples.spec` alone.

    A feature with a default value has no fixed shape: Transform reads it as sparse, and fails where a fixed shape lacks
    values.
    """
    stored = {
        name: feature if feature.default_value is None else tf.io.VarLenFeature(dtype=feature.dtype)
        for name, feature in sorted(spec.items())
    }
    schema = schema_utils.schema_from_feature_spec(stored)
    for feature in schema.feature:
        if isinstance(stored[feature.name], tf.io.FixedLenFeature):
            feature.presence.min_fraction = 1.0
            feature.presence.min_count = 1
    return schema


def measure_name(feature: str) -> str:
    """The last part of a measure's name: "height" of "image/height"."""
    return feature.rpartition("/")[2]


def _describe(
    schema: schema_pb2.Schema,
    feature: schema_pb2.Feature,
    seen: list[Column],
    kinds: Mapping[str, Kind],
    names: Sequence[str] | None,
    values: Counter | None,
    splits: int,
) -> None:
    if len(seen) == splits and all(column.missing == 0 for column in seen):
        feature.presence.min_fraction = 1.0
    else:
        feature.presence.ClearField("min_fraction")
    feature.ClearField("value_count")
    if kinds.get(feature.name) in ("label", "labels"):
        feature.annotation.tag.append(CLASSES_TAG)
        found = {name for column in seen for name in column.counts}
        numbers = sorted(found, key=lambda name: (len(name), name))
        known = list(names or ())
        _set_names(schema, feature, known + [name for name in numbers if name not in known])
    elif seen[0].is_name:
        counts = sum((Counter(dict(column.counts)) for column in seen), Counter())
        few = len(counts) <= 2 * MOST_VALUES and min(counts.values(), default=0) >= RARE
        _set_names(schema, feature, sorted(counts) if few else None)
    else:
        _set_numbers(feature, seen, kinds, values)


def _set_names(
    schema: schema_pb2.Schema, feature: schema_pb2.Feature, names: list[str] | None
) -> None:
    kept = [domain for domain in schema.string_domain if domain.name != feature.name]
    del schema.string_domain[:]
    schema.string_domain.extend(kept)
    feature.ClearField("domain_info")
    if names is not None:
        feature.domain = feature.name
        schema.string_domain.add(name=feature.name, value=names)


def _set_numbers(
    feature: schema_pb2.Feature,
    seen: list[Column],
    kinds: Mapping[str, Kind],
    values: Counter | None,
) -> None:
    low = min(column.low for column in seen)
    high = max(column.high for column in seen)
    measure = measure_of(feature.name, kinds)
    unit = measure.unit if measure else ""
    technical = measure_name(feature.name) in TECHNICAL
    if measure_name(feature.name) == UNDECODABLE:
        values = Counter({0: RARE})
    few = values is not None and len(values) <= MOST_VALUES and min(values.values()) >= RARE
    if technical and few:
        low, high = min(values), max(values)
        listed = " ".join(str(value) for value in sorted(values))
        feature.annotation.tag.append(VALUES_TAG + listed)
    elif unit == "share":
        low, high = min(low, 0.0), max(high, 1.0)
    elif unit == "0 to 255":
        low, high = min(low, 0.0), max(high, 255.0)
    else:
        width = high - low or abs(high) or 1.0
        low, high = (max(low - width, 0.0) if low >= 0 else low - width), high + width
    feature.ClearField("domain_info")
    if feature.type == schema_pb2.INT:
        feature.int_domain.min, feature.int_domain.max = math.floor(low), math.ceil(high)
    else:
        feature.float_domain.min, feature.float_domain.max = low, high
        feature.float_domain.disallow_nan = feature.float_domain.disallow_inf = True


def _together(splits: Iterable[Mapping[str, Column]]) -> dict[str, list[Column]]:
    found: dict[str, list[Column]] = {}
    for split in splits:
        for name, column in split.items():
            found.setdefault(name, []).append(column)
    return found
