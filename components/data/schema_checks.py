"""What a schema does not allow in one split: TFDV finds it; this counts the examples, and judges chance."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import tensorflow as tf
import tensorflow_data_validation as tfdv
from tensorflow_metadata.proto.v0 import anomalies_pb2, schema_pb2

from perceiver_keras.components.data import described_rows
from perceiver_keras.components.data.anomaly import Anomaly, is_chance, listed, number
from perceiver_keras.components.data.schema_proposal import TECHNICAL, measure_name
from perceiver_keras.components.data.schema_words import CLASSES_TAG, exact_values
from perceiver_keras.components.data.split_statistics import (
    Column,
    Statistics,
    columns,
    num_examples,
    without_index,
)
from perceiver_keras.data.described.measures import UNDECODABLE

Columns = Mapping[str, Column]
Reason = anomalies_pb2.AnomalyInfo
ABSENT = {
    Reason.SCHEMA_MISSING_COLUMN,
    Reason.FEATURE_TYPE_NOT_PRESENT,
    Reason.FEATURE_TYPE_LOW_FRACTION_PRESENT,
    Reason.FEATURE_TYPE_LOW_NUMBER_PRESENT,
}
RANGE = {
    Reason.INT_TYPE_BIG_INT,
    Reason.INT_TYPE_SMALL_INT,
    Reason.FLOAT_TYPE_BIG_FLOAT,
    Reason.FLOAT_TYPE_SMALL_FLOAT,
}
NOT_FINITE = {Reason.FLOAT_TYPE_HAS_NAN, Reason.FLOAT_TYPE_HAS_INF}
NAMES = {Reason.ENUM_TYPE_UNEXPECTED_STRING_VALUES}


@dataclass(frozen=True)
class Finder:
    """Finds described examples again, in the folder `uri`."""

    uri: str

    def where(
        self, split: str, column: Column, test: Callable[[np.ndarray], np.ndarray]
    ) -> tuple[int, list[int], Mapping[Any, int]]:
        """How many examples have such a value, the places of the first 8, and those values' counts."""
        return described_rows.count_where(self.uri, split, column.name, _dtype(column), test)

    def inside(self, split: str, column: Column, place: str | tuple[float, float]) -> list[int]:
        """The places of 8 examples that have a name, or a number in a bin."""
        if isinstance(place, str):
            return self.where(split, column, lambda values: values == place.encode())[1]
        low, high = place
        return self.where(split, column, lambda values: (values > low) & (values <= high))[1]

    def without(self, split: str, name: str, dtype: tf.DType) -> list[int]:
        """The places of 8 examples that lack a measure."""
        return described_rows.without(self.uri, split, name, dtype)


@dataclass(frozen=True)
class Checked:
    """Of one split."""

    anomalies: list[Anomaly]
    difference: anomalies_pb2.Anomalies


def check_split(
    split: str,
    statistics: Statistics,
    schema: schema_pb2.Schema,
    before: Sequence[Columns],
    finder: Finder,
    corrupt_share: float,
) -> Checked:
    """Holds a split against a schema.

    Args:
      split, statistics: What is looked at.
      schema: What is allowed.
      before: The columns of each split that the schema was made from; empty if it is this run's own.
      finder: For counts and places.
      corrupt_share: The setting `data.max_corrupt_share`, for what can't be decoded.
    """
    difference = tfdv.validate_statistics(without_index(statistics), schema)
    check = _Check(split, num_examples(statistics), columns(statistics), before, finder)
    features = {feature.name: feature for feature in schema.feature}
    domains = {domain.name: list(domain.value) for domain in schema.string_domain}
    found: list[Anomaly] = []
    for path, info in sorted(difference.anomaly_info.items()):
        name = ".".join(info.path.step) or path
        types = {reason.type for reason in info.reason}
        told = list(_tell(check, name, info, types, features.get(name), domains, corrupt_share))
        if not any(anomaly.stops for anomaly in told):
            info.severity = Reason.WARNING
        found += told
    found += _between_values(check, features, {anomaly.feature for anomaly in found})
    lost = {
        a.feature.removesuffix(UNDECODABLE): a.examples for a in found if a.kind == "undecodable"
    }
    # What can't be decoded is not measured, either.
    kept = [
        a
        for a in found
        if a.kind != "absent feature"
        or a.examples > lost.get(f"{a.feature.rpartition('/')[0]}/", 0)
    ]
    return Checked(kept, difference)


@dataclass(frozen=True)
class _Check:
    split: str
    examples: int
    now: Columns
    before: Sequence[Columns]
    finder: Finder

    def seen(self, name: str) -> tuple[int, int]:
        """How many accepted examples have the measure, and how many there are."""
        present = sum(found[name].present for found in self.before if name in found)
        there = (next(iter(found.values())).examples for found in self.before if found)
        return present, sum(there)


def _tell(
    check: _Check,
    name: str,
    info: anomalies_pb2.AnomalyInfo,
    types: set[int],
    feature: schema_pb2.Feature | None,
    domains: Mapping[str, list[str]],
    corrupt_share: float,
) -> Iterator[Anomaly]:
    if types & {Reason.SCHEMA_NEW_COLUMN} or feature is None:
        column = check.now.get(name)
        count = column.present if column else 0
        text = f"{name}: this is new in {check.split}, in {count} of {check.examples} examples; the schema lacks it."
        yield Anomaly(
            name, check.split, "new feature", None, name, count, check.examples, text, [], False
        )
        return
    if types & ABSENT or name not in check.now:
        yield _absent(check, name, feature)
        return
    column = check.now[name]
    if types & RANGE:
        yield _out_of_range(check, column, feature, corrupt_share)
    if types & NOT_FINITE:
        yield _not_finite(check, column)
    if types & NAMES and CLASSES_TAG not in feature.annotation.tag:
        yield _unknown_names(check, column, domains.get(feature.domain, []))
    if not types & (RANGE | NOT_FINITE | NAMES):
        was, now = (
            schema_pb2.FeatureType.Name(feature.type),
            "names" if column.is_name else "numbers",
        )
        text = f"{name} in {check.split}: {info.description or info.short_description}"
        yield Anomaly(name, check.split, "type", was, now, column.present, check.examples, text)


def _absent(check: _Check, name: str, feature: schema_pb2.Feature) -> Anomaly:
    column = check.now.get(name)
    present = column.present if column else 0
    missing = check.examples - present
    had, of = check.seen(name)
    required = feature.presence.min_fraction >= 1
    if required:
        chance = of > 0 and is_chance(missing, check.examples, of)
    else:  # all of those that had it are in the other sample
        chance = present > 0 or is_chance(had, of, check.examples)
    dtype = {schema_pb2.INT: tf.int64, schema_pb2.FLOAT: tf.float32}.get(feature.type, tf.string)
    was = f"{had} of {of} accepted examples have it" if of else "the schema requires it"
    return Anomaly(
        name,
        check.split,
        "absent feature",
        had / of if of else 1.0,
        present / max(check.examples, 1),
        missing,
        check.examples,
        f"{name}: {missing} of {check.examples} examples of {check.split} lack it; {was}.",
        check.finder.without(check.split, name, dtype),
        not chance,
    )


def _out_of_range(
    check: _Check, column: Column, feature: schema_pb2.Feature, corrupt_share: float
) -> Anomaly:
    low, high = _bounds(feature)
    count, places, values = check.finder.where(
        check.split, column, lambda found: (found < low) | (found > high)
    )
    if measure_name(column.name) == UNDECODABLE:
        stored = column.name.removesuffix(f"/{UNDECODABLE}")
        return Anomaly(
            column.name,
            check.split,
            "undecodable",
            0,
            count,
            count,
            check.examples,
            f"{stored}: {count} of {check.examples} examples of {check.split} can't be decoded, or do not fit "
            f"together; data.max_corrupt_share allows a share of {corrupt_share:g}.",
            places,
            count > corrupt_share * check.examples,
        )
    exact = exact_values(feature)
    had, _ = check.seen(column.name)
    chance = exact is None and had > 0 and is_chance(count, check.examples, had)
    is_, was = (
        _values(values, column),
        listed(exact) if exact else f"{number(low)} to {number(high)}",
    )
    return _range_anomaly(check, column, count, places, is_, was, not chance)


def _between_values(
    check: _Check, features: Mapping[str, schema_pb2.Feature], told: set[str]
) -> Iterator[Anomaly]:
    """Values that lie between exact ones, which TFDV's range allows."""
    for name, feature in features.items():
        exact, column = exact_values(feature), check.now.get(name)
        if not exact or name in told or column is None or column.is_name:
            continue
        if len(exact) == 1 or (column.low == column.high and column.low in exact):
            continue
        count, places, values = check.finder.where(
            check.split, column, lambda found, exact=exact: ~np.isin(found, exact)
        )
        if count:
            is_, was = _values(values, column), listed(exact)
            yield _range_anomaly(check, column, count, places, is_, was, True)


def _range_anomaly(
    check: _Check, column: Column, count: int, places: list[int], now: str, was: str, stops: bool
) -> Anomaly:
    text = (
        f"{column.name}: {count} of {check.examples} examples of {check.split} "
        f"{'has' if count == 1 else 'have'} {now}; accepted is {was}."
    )
    return Anomaly(
        column.name, check.split, "range", was, now, count, check.examples, text, places, stops
    )


def _not_finite(check: _Check, column: Column) -> Anomaly:
    count, places, _ = check.finder.where(check.split, column, lambda found: ~np.isfinite(found))
    text = (
        f"{column.name}: {count} of {check.examples} examples of {check.split} "
        f"{'is' if count == 1 else 'are'} NaN or infinite; numbers are accepted."
    )
    return Anomaly(
        column.name,
        check.split,
        "not finite",
        "a number",
        "NaN or infinite",
        count,
        check.examples,
        text,
        places,
    )


def _unknown_names(check: _Check, column: Column, known: list[str]) -> Anomaly:
    names = sorted(name for name in column.counts if name not in known)
    encoded = np.array([name.encode() for name in known], object)
    count, places, _ = check.finder.where(
        check.split, column, lambda found: ~np.isin(found.astype(object), encoded)
    )
    had, _ = check.seen(column.name)
    technical = measure_name(column.name) in TECHNICAL
    chance = not technical and had > 0 and is_chance(count, check.examples, had)
    now, was = listed(names), listed(known)
    return _range_anomaly(check, column, count, places, now, was, not chance)


def _bounds(feature: schema_pb2.Feature) -> tuple[float, float]:
    which = feature.WhichOneof("domain_info")
    if which not in ("int_domain", "float_domain"):
        return -np.inf, np.inf
    domain = getattr(feature, which)
    low = domain.min if domain.HasField("min") else -np.inf
    high = domain.max if domain.HasField("max") else np.inf
    if which == "float_domain":  # stored as float32 here and in the examples
        return float(np.float32(low)), float(np.float32(high))
    return low, high


def _values(values: Mapping[Any, int], column: Column) -> str:
    keys = sorted(values)
    if column.is_int and len(keys) <= 5:
        return listed(keys)
    return f"{number(keys[0])} to {number(keys[-1])}" if keys else "others"


def _dtype(column: Column) -> tf.DType:
    if column.is_name:
        return tf.string
    return tf.int64 if column.is_int else tf.float32
