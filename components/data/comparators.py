"""How far two splits differ: TFDV's comparators, with limits that know about chance.

Numbers are compared by the Jensen-Shannon divergence in bits (0: equal, 1: nothing in common), names by the L-infinity
distance (the largest difference of a name's shares). Two samples of one distribution differ as well, the more the
smaller they are, so the limit of a comparison is the setting plus a *noise floor* that such samples exceed in one
comparison of 100 000 (`CHANCE`):

- Numbers in k bins, in samples of n and m examples. Twice the log-likelihood ratio of "two distributions" against
  "one" is near 8 ln 2 · JS / (1/n + 1/m), and follows chi-squared with k - 1 degrees of freedom (Wilks), so

      floor = χ²(1 - CHANCE; k - 1) · (1/n + 1/m) / (8 ln 2)

- Names, k of them, with pooled shares p. A difference of shares has the variance p(1 - p)(1/n + 1/m), so

      floor = z(1 - CHANCE / 2k) · max over names of √(p(1 - p)(1/n + 1/m)) + (1/n + 1/m) / 2

  where z is the normal quantile, over all names at once (Bonferroni); the last term is because counts are whole.

TFDV cuts each data set into bins of equal width between its own extremes: one value far away and two equal
distributions look different. Here both are cut at the quantiles of the two together, into at most `MOST_BINS` bins of
at least five examples, before TFDV compares them.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import numpy as np
import tensorflow_data_validation as tfdv
from scipy import special
from tensorflow_metadata.proto.v0 import schema_pb2, statistics_pb2

from perceiver_keras.components.data.split_statistics import (
    Column,
    Statistics,
    columns,
    name_of,
)

CHANCE = 1e-5
MOST_BINS = 10
JENSEN_SHANNON, L_INFINITY = "jensen_shannon", "l_infinity"


@dataclass(frozen=True)
class Compared:
    """One measure of a split, compared with that of another.

    Attributes:
      feature, split, measure: Of what, where, and how: `JENSEN_SHANNON` or `L_INFINITY`.
      value, limit: What was measured, and what is allowed.
      noise: How much of the limit is the noise floor.
      telling: Where the distributions differ most: a name, or the bin (above, up to and including) of numbers.
      was, now: The share of examples there.
      usual: How much of the limit is there because samples of this data are known to differ.
    """

    feature: str
    split: str
    measure: str
    value: float
    limit: float
    noise: float
    telling: str | tuple[float, float]
    was: float
    now: float
    usual: float = 0.0

    @property
    def exceeded(self) -> bool:
        return self.value > self.limit


def js_noise(n: int, m: int, bins: int) -> float:
    """The noise floor of the Jensen-Shannon divergence, in bits, of samples of n and m examples."""
    if bins < 2:
        return 0.0
    return float(special.chdtri(bins - 1, CHANCE) * (1 / n + 1 / m) / (8 * math.log(2)))


def l_infinity_noise(n: int, m: int, pooled: np.ndarray) -> float:
    """The noise floor of the largest difference of shares; `pooled` are the shares in both samples together, [k]."""
    spread = 1 / n + 1 / m
    z = -special.ndtri(CHANCE / (2 * max(len(pooled), 1)))
    deviation = np.sqrt(pooled * (1 - pooled) * spread)
    return float(z * deviation.max(initial=0.0) + spread / 2)


def compare(
    split: str,
    now: Statistics,
    before: Statistics,
    max_drift: float,
    max_class_drift: float,
    usual: Mapping[str, float] | None = None,
) -> list[Compared]:
    """Each measure that both have, of the same type.

    Args:
      split: What `now` are statistics of.
      now, before: TFDV's statistics of described examples.
      max_drift, max_class_drift: The settings of this name.
      usual: How far this measure is known to differ between samples of this data, beyond chance; it adds to the limit.
    """
    current, previous = columns(now), columns(before)
    wanted = []
    for name in sorted(current.keys() & previous.keys()):
        a, b = current[name], previous[name]
        if a.is_name != b.is_name or not (a.present and b.present):
            continue
        if a.is_name and a.shares and b.shares:
            wanted.append(_names(split, a, b, max_class_drift))
        elif len(a.buckets) and len(b.buckets):
            wanted.append(_numbers(split, *_rounded(a, b), max_drift))
    usual = usual or {}
    items = [
        dataclasses.replace(
            item,
            usual=usual.get(item.feature, 0.0),
            limit=item.limit + usual.get(item.feature, 0.0),
        )
        for item, _ in wanted
    ]
    bins = {item.feature: shares for item, shares in wanted}
    measured = _measure(now, before, items, bins)
    return [
        dataclasses.replace(item, value=measured[item.feature])
        for item in items
        if item.feature in measured
    ]


def excess(compared: Iterable[Compared]) -> dict[str, float]:
    """How far each measure differs beyond chance, the most of several comparisons: what `compare` takes as `usual`."""
    found: dict[str, float] = {}
    for item in compared:
        found[item.feature] = max(found.get(item.feature, 0.0), item.value - item.noise)
    return found


Shares = tuple[np.ndarray, np.ndarray] | None  # of numbers in common bins, in both samples


def _names(split: str, a: Column, b: Column, setting: float) -> tuple[Compared, Shares]:
    names = sorted(a.shares.keys() | b.shares.keys())
    p = np.array([a.shares.get(name, 0.0) for name in names])
    q = np.array([b.shares.get(name, 0.0) for name in names])
    n, m = a.present, b.present
    noise = l_infinity_noise(n, m, (n * p + m * q) / (n + m))
    most = int(np.abs(p - q).argmax())
    limit = setting + noise
    item = Compared(a.name, split, L_INFINITY, 0.0, limit, noise, names[most], q[most], p[most])
    return item, None


def _numbers(split: str, a: Column, b: Column, setting: float) -> tuple[Compared, Shares]:
    edges = common_edges(a, b)
    p, q = shares_in(a, edges), shares_in(b, edges)
    noise = js_noise(a.present, b.present, len(p))
    most = int((p - q).argmax())
    bounds = np.concatenate([[-np.inf], edges, [np.inf]])
    place = (float(bounds[most]), float(bounds[most + 1]))
    limit = setting + noise
    item = Compared(a.name, split, JENSEN_SHANNON, 0.0, limit, noise, place, q[most], p[most])
    return item, (p, q)


def common_edges(a: Column, b: Column) -> np.ndarray:
    """The inner edges of bins that hold equal shares of both columns together; a bin includes its upper edge.

    A value that many examples have gets a bin of its own.
    """
    bins = int(np.clip(min(a.present, b.present) // 5, 2, MOST_BINS))
    points = np.unique(np.concatenate([a.buckets[:, :2].ravel(), b.buckets[:, :2].ravel()]))
    if len(points) < 2:
        return points[:0]
    mass = (_below(a, points) + _below(b, points)) / 2
    places = np.searchsorted(mass, np.arange(1, bins) / bins - 1e-9)
    # Nothing lies above the greatest value: where most examples have it, what is below it is cut off.
    return np.unique(points[np.minimum(places, len(points) - 2)])


def shares_in(column: Column, edges: np.ndarray) -> np.ndarray:
    """The share of a column's examples in each of the bins with these inner edges, [len(edges) + 1]."""
    return np.diff(np.concatenate([[0.0], _below(column, edges), [1.0]])).clip(0.0)


def _below(column: Column, points: np.ndarray) -> np.ndarray:
    """The share of the column at or below each point, straight between its quantiles."""
    low, high, share = column.buckets.T
    width = np.where(high > low, high - low, 1.0)
    inside = np.where(
        high > low,
        np.clip((points[:, None] - low) / width, 0.0, 1.0),
        (points[:, None] >= low).astype(np.float64),
    )
    return inside @ share


def _rounded(a: Column, b: Column) -> tuple[Column, Column]:
    """To six digits of the largest value: machines that decode alike differ in the seventh."""
    largest = max(abs(value) for value in (a.low, a.high, b.low, b.high))
    if (a.is_int and b.is_int) or not (np.isfinite(largest) and largest > 0):
        return a, b
    digits = min(5 - math.floor(math.log10(largest)), 300)
    copies = []
    for column in (a, b):
        buckets = column.buckets.copy()
        buckets[:, :2] = np.round(buckets[:, :2], digits)
        copies.append(dataclasses.replace(column, buckets=buckets))
    return copies[0], copies[1]


def _measure(
    now: Statistics, before: Statistics, items: list[Compared], bins: Mapping[str, Shares]
) -> dict[str, float]:
    """What TFDV measures for each item: of numbers over the common bins, of names over all of them."""
    schema = schema_pb2.Schema()
    for item in items:
        feature = schema.feature.add(name=item.feature, type=schema_pb2.TYPE_UNKNOWN)
        if item.measure == L_INFINITY:
            feature.drift_comparator.infinity_norm.threshold = item.limit
        else:
            feature.drift_comparator.jensen_shannon_divergence.threshold = item.limit
    current, previous = _only(now, bins, 0), _only(before, bins, 1)
    found = tfdv.validate_statistics(current, schema, previous_statistics=previous)
    return {
        ".".join(info.path.step): float(measurement.value)
        for info in found.drift_skew_info
        for measurement in info.drift_measurements
    }


def _only(statistics: Statistics, bins: Mapping[str, Shares], which: int) -> Statistics:
    """The statistics of these features, with the given shares as the only histogram of numbers."""
    made = Statistics()
    dataset = made.datasets.add(num_examples=statistics.datasets[0].num_examples)
    for feature in statistics.datasets[0].features:
        name = name_of(feature)
        if name not in bins:
            continue
        shares = bins[name]
        if shares is None:
            dataset.features.add().CopyFrom(feature)
            continue
        added = dataset.features.add(type=feature.type, path=feature.path)
        common = feature.num_stats.common_stats
        added.num_stats.common_stats.num_non_missing = common.num_non_missing
        added.num_stats.common_stats.tot_num_values = common.tot_num_values
        histogram = added.num_stats.histograms.add(type=statistics_pb2.Histogram.STANDARD)
        for place, share in enumerate(shares[which]):
            count = float(share) * common.tot_num_values
            histogram.buckets.add(low_value=place, high_value=place + 1, sample_count=count)
    return made
