"""The page's tables of classes, made of `Mistakes.summary()`: how good, which are confused, and wrong examples."""

from __future__ import annotations

import math
from collections.abc import Mapping
from itertools import groupby
from typing import Any

from perceiver_keras.show.mistakes import CELLS

FIRST = 20  # rows of the table that are seen at once
MOST_LETTERS = 16  # of a name above a column


def tables(summary: Mapping[str, Any]) -> dict[str, Any]:
    """What the template shows: `rows`, worst class first, `matrix` or `pairs`, and `groups` of wrong examples.

    Args:
      summary: Of `Mistakes`.
    """
    names = summary["names"]
    small = len(names) <= CELLS and not summary["several"]
    shown = {(one["true"], one["given"]) for one in summary["mistakes"]}
    with_mistakes = {one["class"] for one in summary["mistakes"]}
    rows = _rows(summary, with_mistakes)
    return {
        "several": summary["several"],
        "examples": f"{summary['examples']:,}",
        "wrong": f"{summary['wrong']:,}",
        "first": rows[:FIRST],
        "rest": rows[FIRST:],
        "turned": max(map(len, names)) > 2,  # the names above the columns
        "columns": [{"name": name, "short": short(name, MOST_LETTERS)} for name in names],
        "matrix": _matrix(summary, shown) if small else None,
        "pairs": [] if small else _pairs(summary, shown),
        "groups": _groups(summary),
    }


def of_class(number: int) -> str:
    """The place on the page of a class's wrong examples."""
    return f"mistakes-{number}"


def of_pair(true: int | None, given: int | None) -> str:
    """The place of the first wrong example of a pair of classes."""
    return f"mistake-{true}-{given}"


def scores(support: int, given: int, right: int) -> tuple[float | None, float | None, float | None]:
    """(precision, recall, F1) of a class; None where nothing was counted."""
    return (
        right / given if given else None,
        right / support if support else None,
        2 * right / (support + given) if support + given else None,
    )


def short(name: str, most: int) -> str:
    return name if len(name) <= most else f"{name[: most - 1]}…"


def _rows(summary: Mapping[str, Any], linked: set[int]) -> list[dict[str, Any]]:
    rows = []
    counted = zip(summary["support"], summary["given"], summary["right"], strict=True)
    for number, (name, (support, given, right)) in enumerate(
        zip(summary["names"], counted, strict=True)
    ):
        precision, recall, f1 = scores(support, given, right)
        rows.append(
            {
                "name": name,
                "place": of_class(number) if number in linked else "",
                "precision": _percent(precision),
                "recall": _percent(recall),
                "f1": _percent(f1),
                "support": f"{support:,}",
                "order": (f1 is None, f1 or 0.0, -support, number),
            }
        )
    return sorted(rows, key=lambda row: row["order"])


def _matrix(summary: Mapping[str, Any], shown: set[Any]) -> list[dict[str, Any]]:
    """A row per true class, with a cell per predicted one."""
    counts = {(true, given): count for true, given, count in summary["pairs"]}
    counts |= {(number, number): right for number, right in enumerate(summary["right"])}
    rows = []
    for true, name in enumerate(summary["names"]):
        support = max(summary["support"][true], 1)
        cells = [
            {
                "count": counts.get((true, given), 0),
                "share": round(counts.get((true, given), 0) / support, 2),
                "right": true == given,
                "place": of_pair(true, given) if (true, given) in shown else "",
                "given": other,
            }
            for given, other in enumerate(summary["names"])
        ]
        rows.append({"name": name, "cells": cells})
    return rows


def _pairs(summary: Mapping[str, Any], shown: set[Any]) -> list[dict[str, Any]]:
    with_mistakes = {true for true, _ in shown}
    pairs = []
    for true, given, count in summary["pairs"]:
        place = of_class(true) if true in with_mistakes else ""
        pairs.append(
            {
                "true": summary["names"][true],
                "given": summary["names"][given],
                "count": f"{count:,}",
                "share": _percent(count / summary["support"][true]),
                "place": of_pair(true, given) if (true, given) in shown else place,
            }
        )
    return pairs


def _probability(value: float | None) -> str:
    """Of a broken model it is not a number, which report.json has as null."""
    return "not a number" if value is None or math.isnan(value) else f"{value:.0%}"


def _groups(summary: Mapping[str, Any]) -> list[dict[str, Any]]:
    """The wrong examples of each class; the first of each pair of classes has a place of its own."""
    names, seen, groups = summary["names"], set(), []
    counted = list(zip(summary["support"], summary["given"], summary["right"], strict=True))
    for number, found in groupby(summary["mistakes"], key=lambda one: one["class"]):
        entries = []
        for one in found:
            pair = one["true"], one["given"]
            entries.append(
                {
                    "id": "" if pair in seen else of_pair(*pair),
                    "words": _words(one, names),
                    "probability": _probability(one["probability"]),
                    "text": one.get("text"),
                    "picture": one.get("picture"),
                    # Small ones are PNG; they are enlarged without blurring.
                    "pixels": one.get("picture", "").startswith("data:image/png"),
                }
            )
            seen.add(pair)
        support, given, right = counted[number]
        many = support - right + (given - right if summary["several"] else 0)
        groups.append(
            {
                "id": of_class(number),
                "name": names[number],
                "entries": entries,
                "of": f"{len(entries):,} of {many:,}" if len(entries) < many else f"{many:,}",
            }
        )
    return groups


def _words(mistake: Mapping[str, Any], names: list[str]) -> str:
    true, given = mistake["true"], mistake["given"]
    if given is None:
        return f"{names[true]}, not named"
    if true is None:
        return f"not {names[given]}, but named"
    return f"{names[true]}, said to be {names[given]}"


def _percent(value: float | None) -> str:
    return "–" if value is None else f"{100 * value:.1f}%"
