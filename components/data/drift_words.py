"""Drift between data sets and skew between splits as sentences, with the examples that show it best."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy.special import ndtri, rel_entr

from perceiver_keras.components.data.anomaly import Anomaly, number
from perceiver_keras.components.data.comparators import (
    CHANCE,
    L_INFINITY,
    Compared,
    common_edges,
    js_noise,
    shares_in,
)
from perceiver_keras.components.data.schema_checks import Finder
from perceiver_keras.components.data.schema_proposal import measure_name
from perceiver_keras.components.data.split_statistics import Column

# A swap of channels is told apart from chance by this many noise floors.
CERTAIN = 3
CONSTANT = "constant"
MORE = 0.01  # a share of pictures of one colour that may come in addition


@dataclass(frozen=True)
class Told:
    """What a split is compared with: `other` for people, and the columns of both."""

    other: str
    now: Mapping[str, Column]
    before: Mapping[str, Column]


def as_json(item: Compared) -> dict[str, Any]:
    """For anomalies.json."""
    keys = ("feature", "split", "measure", "value", "limit", "noise", "usual")
    return {key: getattr(item, key) for key in keys}


def anomalies(
    compared: Iterable[Compared], told: Told, kind: str, finder: Finder | None, times: float = 1
) -> Iterator[Anomaly]:
    """One for each comparison beyond its limit.

    Args:
      compared: The comparisons.
      told: What was compared.
      kind: "drift" or "skew".
      finder: For the places of examples; None: without.
      times: Only a distance of so many times the setting stops a run.
    """
    for item in compared:
        if not item.exceeded:
            continue
        column, before = told.now[item.feature], told.before[item.feature]
        setting = "max_class_drift" if item.measure == L_INFINITY else "max_drift"
        allowed = item.limit - item.noise - item.usual
        parts = f"data.{setting} {allowed:g}, {item.noise:.2g} for chance"
        if item.usual > 0.005:
            parts += f", {item.usual:.2g} as the accepted splits differ, too"
        limit = f"{item.limit:.2f} ({parts})"
        where = "was in" if kind == "drift" else "is in"
        if item.measure == L_INFINITY:
            was, now, place = f"{item.was:.1%}", f"{item.now:.1%}", repr(item.telling)
            text = (
                f"{item.feature}: {place} {where} {item.was:.1%} of {told.other}"
                f"{f' ({item.split})' if kind == 'drift' else ''} and is in {item.now:.1%} of the "
                f"{column.examples} examples of {item.split}, a difference of {item.value:.2f}; allowed is {limit}."
            )
        else:
            was, now, place = before.mean, column.mean, _between(item.telling)
            text = (
                f"{item.feature}: the mean of {item.split} is {number(now)}, that of {told.other} "
                f"{'was' if kind == 'drift' else 'is'} {number(was)}; the distributions differ by {item.value:.2f} "
                f"(Jensen-Shannon), allowed is {limit}: {item.now:.0%} of {column.examples} examples are {place}, "
                f"where {item.was:.0%} {'were' if kind == 'drift' else 'are'} before."
            )
            if kind == "skew":
                text = text.replace(" are before.", f" of {told.other} are.")
        yield Anomaly(
            item.feature,
            item.split,
            kind,
            was,
            now,
            round(item.now * column.present),
            column.examples,
            text,
            finder.inside(item.split, column, item.telling) if finder else [],
            item.value > item.limit + (times - 1) * allowed,
        )


def swapped_channels(
    split: str, now: Mapping[str, Column], before: Mapping[str, Column], finder: Finder | None
) -> Iterator[Anomaly]:
    """Pictures whose red is distributed as blue was, and blue as red was, beyond chance."""
    for red in now:
        blue = f"{red.removesuffix('red')}blue"
        if not red.endswith("/red") or not all(
            name in c for name in (red, blue) for c in (now, before)
        ):
            continue
        same = [_distance(now[name], before[name]) for name in (red, blue)]
        crossed = [_distance(now[red], before[blue]), _distance(now[blue], before[red])]
        if min(same) > CERTAIN and max(crossed) < 1:
            feature, column = red.removesuffix("/red"), now[red]
            yield Anomaly(
                feature,
                split,
                "swapped channels",
                [before[red].mean, before[blue].mean],
                [column.mean, now[blue].mean],
                column.present,
                column.examples,
                f"{feature}: red and blue are swapped in {split}: of the accepted data the mean of red was "
                f"{number(before[red].mean)} and of blue {number(before[blue].mean)}; of these {column.present} "
                f"examples they are {number(column.mean)} and {number(now[blue].mean)}.",
                list(range(min(column.examples, 8))) if finder else [],
            )


def more_constant(
    split: str, now: Mapping[str, Column], before: Mapping[str, Column], finder: Finder
) -> Iterator[Anomaly]:
    """Pictures of one colour, where the accepted data had fewer by more than `MORE` and chance: a broken export."""
    for name, column in now.items():
        if measure_name(name) != CONSTANT or name not in before or not before[name].present:
            continue
        old = before[name]
        spread = 1 / column.present + 1 / old.present
        pooled = (column.present * column.mean + old.present * old.mean) / (
            column.present + old.present
        )
        chance = -ndtri(CHANCE) * np.sqrt(pooled * (1 - pooled) * spread) + spread / 2
        if column.mean - old.mean > MORE + chance:
            count, places, _ = finder.where(split, column, lambda values: values > 0)
            yield Anomaly(
                name,
                split,
                "constant",
                old.mean,
                column.mean,
                count,
                column.examples,
                f"{name}: {count} of {column.examples} examples of {split} are of one colour; of the accepted data "
                f"{old.mean:.1%} were.",
                places,
            )


def _distance(a: Column, b: Column) -> float:
    """Jensen-Shannon, in noise floors."""
    if not (len(a.buckets) and len(b.buckets)):
        return 0.0
    edges = common_edges(a, b)
    p, q = shares_in(a, edges), shares_in(b, edges)
    noise = js_noise(a.present, b.present, len(p))
    middle = (p + q) / 2
    bits = (rel_entr(p, middle).sum() + rel_entr(q, middle).sum()) / (2 * np.log(2))
    return float(bits / noise) if noise else 0.0


def _between(place: str | tuple[float, float]) -> str:
    low, high = place
    if low == -np.inf:
        return f"up to {number(high)}"
    return (
        f"above {number(low)}" if high == np.inf else f"above {number(low)}, up to {number(high)}"
    )
