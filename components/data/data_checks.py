"""All that is checked of a run's data: its schema, its classes, how far it moved, leaks, and labels that changed.

What stops a run and what is only reported:

- A rule without exceptions stops at the first example that breaks it: exact sizes, rates and formats, classes, types,
  numbers that are NaN.
- A rule that a sample made (ranges, names that were never seen, measures that were always there) stops if chance does
  not explain how many examples break it (`anomaly.is_chance`); else it is reported.
- Distances stop beyond their limit, which includes a noise floor (`comparators.py`).
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from tensorflow_metadata.proto.v0 import anomalies_pb2, schema_pb2

from perceiver_keras.components.data import (
    class_checks,
    comparators,
    drift_words,
    leak_checks,
    schema_checks,
)
from perceiver_keras.components.data.anomaly import Anomaly
from perceiver_keras.components.data.comparators import Compared
from perceiver_keras.components.data.schema_words import classes_of
from perceiver_keras.components.data.split_statistics import Column, Statistics, columns


@dataclass(frozen=True, kw_only=True)
class Limits:
    """The settings `data.max_drift`, `max_class_drift`, `max_leak_share` and `max_corrupt_share`."""

    drift: float
    class_drift: float
    leak_share: float
    corrupt_share: float = 0.0


@dataclass(frozen=True, kw_only=True)
class Run:
    """The data of a run: its statistics by split (the first is the one to train on), its proposal, and folders.

    The folders `described`, `fingerprints` and `leaks` are those of the artifacts of these names.
    """

    statistics: Mapping[str, Statistics]
    schema: schema_pb2.Schema
    described: str
    fingerprints: str
    leaks: str


@dataclass(frozen=True, kw_only=True)
class Accepted:
    """The accepted schema, and the data it was made from.

    Attributes:
      schema, statistics: As in `Run`.
      fingerprints: The folder of the fingerprints; they may be gone.
      by_hand: Whether a person accepted it: what its splits say of each other is accepted, too.
      own: Whether it is the run's own proposal.
    """

    schema: schema_pb2.Schema
    statistics: Mapping[str, Statistics]
    fingerprints: str
    by_hand: bool
    own: bool


@dataclass
class Found:
    """What was found: anomalies, those that stop first; each comparison; and TFDV's own protos by split."""

    anomalies: list[Anomaly] = field(default_factory=list)
    drift: list[dict[str, Any]] = field(default_factory=list)
    skew: list[dict[str, Any]] = field(default_factory=list)
    differences: dict[str, anomalies_pb2.Anomalies] = field(default_factory=dict)


def check(
    run: Run, accepted: Accepted | None, limits: Limits, make_pipeline: Callable[[], Any]
) -> Found:
    """Checks the data of a run.

    Args:
      run: What is looked at.
      accepted: What it is held against; None: its own proposal.
      limits: From the settings.
      make_pipeline: Makes a Beam pipeline, to compare labels of examples that are in both.
    """
    found = Found()
    now = {split: columns(statistics) for split, statistics in run.statistics.items()}
    reference = accepted if accepted and not accepted.own else None
    before = {s: columns(v) for s, v in reference.statistics.items()} if reference else {}
    schema = reference.schema if reference else run.schema
    finder = schema_checks.Finder(run.described)
    first = next(iter(run.statistics))

    for split, statistics in run.statistics.items():
        checked = schema_checks.check_split(
            split, statistics, schema, list(before.values()), finder, limits.corrupt_share
        )
        found.anomalies += checked.anomalies
        found.differences[split] = checked.difference
    found.anomalies += _classes(schema, run.schema, now, before)
    # How far splits of this data differ anyway: what is drawn by scene or speaker is never of one distribution.
    usual = comparators.excess(_skew(accepted.statistics, limits)) if accepted else {}
    if reference:
        for split, statistics in run.statistics.items():
            if split in reference.statistics:
                compared = comparators.compare(
                    split,
                    statistics,
                    reference.statistics[split],
                    limits.drift,
                    limits.class_drift,
                    usual,
                )
                found.drift += [drift_words.as_json(item) for item in compared]
                told = drift_words.Told("the accepted data", now[split], before[split])
                found.anomalies += drift_words.anomalies(compared, told, "drift", finder)
                found.anomalies += drift_words.swapped_channels(
                    split, now[split], before[split], finder
                )
                found.anomalies += drift_words.more_constant(
                    split, now[split], before[split], finder
                )
    skewed = _skew(run.statistics, limits, usual)
    found.skew = [drift_words.as_json(item) for item in skewed]
    for split in run.statistics:
        told = drift_words.Told(first, now[split], now[first])
        of_split = [item for item in skewed if item.split == split]
        found.anomalies += drift_words.anomalies(of_split, told, "skew", finder, SKEW)
    known: set[tuple[str, str, str]] = set()
    if accepted and accepted.by_hand:
        known = {_key(a) for a in lacking_classes(accepted.statistics, accepted.schema)}
    lacking = lacking_classes(run.statistics, run.schema)
    found.anomalies += [anomaly for anomaly in lacking if _key(anomaly) not in known]
    found.anomalies += leak_checks.leaks(run.leaks, limits.leak_share)
    if reference:
        renamed = {
            pair
            for anomaly in found.anomalies
            if anomaly.kind == "renamed classes"
            for pair in zip(anomaly.was, anomaly.now, strict=True)
        }
        found.anomalies += leak_checks.relabelled(
            run.fingerprints, reference.fingerprints, make_pipeline, first, renamed
        )
    found.anomalies = _in_order(found.anomalies)
    return found


# Splits are often drawn by speaker, scene or date, and so differ more than chance explains. Such a difference is
# reported from the settings' limits on, and stops a run that has this many times as much.
SKEW = 3


def lacking_classes(
    statistics: Mapping[str, Statistics], schema: schema_pb2.Schema
) -> list[Anomaly]:
    """Classes that one split lacks and the others have, beyond chance."""
    now = {split: columns(value) for split, value in statistics.items()}
    found: list[Anomaly] = []
    for feature, names in classes_of(schema).items():
        for split, measures in now.items():
            others = [other for other in now if other != split and feature in now[other]]
            if feature in measures and others:
                rest = _sum([now[other][feature] for other in others])
                found += class_checks.lacking(
                    feature, split, measures[feature], rest, ", ".join(others), names
                )
    return found


def _skew(
    statistics: Mapping[str, Statistics], limits: Limits, usual: Mapping[str, float] | None = None
) -> list[Compared]:
    """The splits, compared with the first."""
    first, *others = statistics
    return [
        item
        for split in others
        for item in comparators.compare(
            split, statistics[split], statistics[first], limits.drift, limits.class_drift, usual
        )
    ]


def _classes(
    accepted: schema_pb2.Schema,
    proposal: schema_pb2.Schema,
    now: Mapping[str, Mapping[str, Column]],
    before: Mapping[str, Mapping[str, Column]],
) -> list[Anomaly]:
    """What happened to the classes since the accepted schema."""
    found: list[Anomaly] = []
    current_classes = classes_of(proposal)
    for feature, was in classes_of(accepted).items():
        counts = {
            split: found_in[feature] for split, found_in in now.items() if feature in found_in
        }
        old = {
            split: found_in[feature] for split, found_in in before.items() if feature in found_in
        }
        if not (counts and old and feature in current_classes):
            continue
        names = current_classes[feature]
        found += class_checks.changed_names(feature, was, names, old, counts)
        kept = [name for name in was if name in names]
        for split, column in counts.items():
            if split in old:
                where = f"{split} of the accepted data"
                found += class_checks.lacking(feature, split, column, old[split], where, kept)
                found += class_checks.moved_shares(feature, split, column, old[split], where, kept)
    return found


def _sum(parts: list[Column]) -> Column:
    counts: dict[str, float] = {}
    for part in parts:
        for name, count in part.counts.items():
            counts[name] = counts.get(name, 0) + count
    return dataclasses.replace(
        parts[0],
        present=sum(part.present for part in parts),
        examples=sum(part.examples for part in parts),
        counts=counts,
    )


def _key(anomaly: Anomaly) -> tuple[str, str, str]:
    return anomaly.feature, anomaly.split, anomaly.kind


# The first is what people read first: a cause before its effects.
_CLASSES = ("order", "renamed classes", "new class", "missing class", "one class")
_ORDER = ("absent feature", "undecodable", "type", *_CLASSES)


def _in_order(anomalies: list[Anomaly]) -> list[Anomaly]:
    """Those that stop first; without a shift of classes that a change of the classes explains, and without repeats."""
    changed = {
        anomaly.feature
        for anomaly in anomalies
        if anomaly.stops and anomaly.kind in (*_CLASSES, "class share")
    }
    kept: dict[tuple[str, str, str], Anomaly] = {}
    for anomaly in anomalies:
        if not (anomaly.kind in ("drift", "skew") and anomaly.feature in changed):
            kept.setdefault(_key(anomaly), anomaly)

    def place(anomaly: Anomaly) -> tuple[bool, int]:
        kind = anomaly.kind
        return not anomaly.stops, _ORDER.index(kind) if kind in _ORDER else len(_ORDER)

    return sorted(kept.values(), key=place)
