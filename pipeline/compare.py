"""Two models next to each other, from their lineages: what differs in settings, data, code, metrics and cost."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from perceiver_keras.gate import student
from perceiver_keras.pipeline import lineage as lineages
from perceiver_keras.pipeline.versions import locate
from perceiver_keras.show.model_card import COUNTS

CONFIDENCE = 0.95  # of intervals, and that no difference is called one that is none
Lineage = Mapping[str, Any]


def of_place(place: Path, metadata: str | None = None) -> lineages.Lineage:
    """The lineage of a version, or of the last run in a run folder; raises as `lineage.lineage`."""
    run_dir, version = locate(place)
    if version is None:
        return lineages.of_last_run(run_dir, metadata)
    return lineages.lineage(run_dir, version, metadata)


def compare(one: Lineage, other: Lineage) -> dict[str, Any]:
    """What is not the same.

    Args:
      one, other: As `pipeline/lineage.py` gives them.

    Returns:
      "settings": {dotted key: [of one, of the other]}, those that differ; "data", "code", "schema", "checks" and
      "cost": {name: [of one, of the other]}; "same_test", whether both were judged by the same examples (None if that
      is unknown); "metrics" and "slices": rows {"metric", "slice", "one", "other", "difference", "interval", "p_value",
      "paired", "better": "one", "other" or None if chance may have made the difference}.
    """
    same = _same_test(one, other)
    lower = {
        *(one["evaluation"].get("lower_is_better") or ()),
        *(other["evaluation"].get("lower_is_better") or ()),
    }
    return {
        "tasks": [one["model"]["task"], other["model"]["task"]],
        "versions": [_version(one), _version(other)],
        "settings": differing(flat(one["settings"]["config"]), flat(other["settings"]["config"])),
        "data": {name: [_data(one)[name], _data(other)[name]] for name in _data(one)},
        "code": [one["code"], other["code"]],
        "began_from": [one["began_from"], other["began_from"]],
        "packages": differing(one["packages"], other["packages"]),
        "same_test": same,
        "metrics": _rows(_part(one, ""), _part(other, "", one), lower),
        "slices": _slices(one, other, lower),
        "checks": _checks(one, other),
        "blessed": [one["gate"].get("blessed"), other["gate"].get("blessed")],
        "cost": {
            name: [_cost(one).get(name), _cost(other).get(name)] for name in _costs(one, other)
        },
    }


def flat(tree: Mapping[str, Any], path: str = "") -> dict[str, Any]:
    """{dotted key: value} of a tree of settings; an empty object is a value."""
    found: dict[str, Any] = {}
    for name, value in tree.items():
        key = f"{path}.{name}" if path else str(name)
        found |= flat(value, key) if isinstance(value, Mapping) and value else {key: value}
    return found


def differing(one: Mapping[str, Any], other: Mapping[str, Any]) -> dict[str, list[Any]]:
    """{key: [of one, of the other]} where they differ; None where there is no such key."""
    keys = sorted({*one, *other})
    return {key: [one.get(key), other.get(key)] for key in keys if one.get(key) != other.get(key)}


def _version(lineage: Lineage) -> str | None:
    return lineage["push"] and lineage["push"]["version"]


def _data(lineage: Lineage) -> dict[str, Any]:
    data = lineage["data"]
    names = ("dataset", "fingerprint", "examples", "splits", "limits", "classes")
    return {name: data.get(name) for name in names}


def _same_test(one: Lineage, other: Lineage) -> bool | None:
    """Whether both were judged by the same examples: the same data, and the same part of it."""
    sides = [lineage["data"] for lineage in (one, other)]
    prints = [side.get("fingerprint") for side in sides]
    if None in prints or None in [side.get("splits") for side in sides]:
        return None
    tests = [
        ((side["splits"] or {}).get("test"), (side.get("limits") or {}).get("test"))
        for side in sides
    ]
    counts = [lineage["evaluation"].get("examples") for lineage in (one, other)]
    return prints[0] == prints[1] and tests[0] == tests[1] and counts[0] == counts[1]


def _part(lineage: Lineage, name: str, before: Lineage | None = None) -> dict[str, Any]:
    """A part of the test split; "paired" are the differences if `before` was the baseline of this model."""
    evaluation = lineage["evaluation"]
    parts = [evaluation | {"slice": ""}, *(evaluation.get("slices") or ())]
    part = next(part for part in parts if part["slice"] == name)
    found = {"metrics": part.get("metrics") or {}, "slice": name}
    if before is not None and _is_baseline(before, lineage):
        found["paired"] = part.get("difference")
    return found


def _is_baseline(one: Lineage, other: Lineage) -> bool:
    """Whether the gate compared the other with the one."""
    same = one["run_dir"] == other["run_dir"]
    return same and (other["baseline"] or {}).get("model") == one["model"]["artifact"]


def _slices(one: Lineage, other: Lineage, lower: set[str]) -> list[dict[str, Any]]:
    rows = []
    for name in _common_slices(one, other):
        rows += _rows(_part(one, name), _part(other, name, one), lower)
    for row, sure in zip(rows, _sure(rows), strict=True):  # of all slices together
        row["better"] = row["better"] if sure else None
    return rows


def _common_slices(one: Lineage, other: Lineage) -> list[str]:
    names = [[p["slice"] for p in side["evaluation"].get("slices") or ()] for side in (one, other)]
    return [name for name in names[0] if name in names[1]]


def _rows(
    one: Mapping[str, Any], other: Mapping[str, Any], lower: set[str]
) -> list[dict[str, Any]]:
    """A row per metric that one of them has, with what the gate measured of both in pairs, if it did."""
    names = sorted({*one["metrics"], *other["metrics"]} - set(COUNTS))
    rows = []
    for name in names:
        first, second = one["metrics"].get(name), other["metrics"].get(name)
        paired = (other.get("paired") or {}).get(name)
        rows.append(
            {"metric": name, "slice": one["slice"], "one": first, "other": second}
            | _difference(first, second, paired)
            | {"better": None}
        )
    for row, sure in zip(rows, _sure(rows), strict=True):
        if sure:
            grew = row["difference"] > 0
            row["better"] = "one" if grew == (row["metric"] in lower) else "other"
    return rows


def _sure(rows: Sequence[Mapping[str, Any]]) -> list[bool]:
    """Where the difference is not by chance: of many rows, some differ by chance, so Holm's correction is applied."""
    p_values = [1.0 if row["p_value"] is None else row["p_value"] for row in rows]
    return student.holm(p_values, CONFIDENCE)


def _difference(
    first: Mapping[str, Any] | None,
    second: Mapping[str, Any] | None,
    paired: Mapping[str, Any] | None,
) -> dict[str, Any]:
    """The other's value minus the one's, its 95 % interval and p-value, by Student's or Welch's t test.

    Without pairs, the models are taken for two independent samples: of two on the same examples that is cautious.
    """
    found = {"difference": None, "interval": None, "paired": False, "p_value": None}
    if not (_known(first, "value") and _known(second, "value")):
        return found
    found["difference"] = difference = second["value"] - first["value"]
    if paired and _known(paired, "error") and paired.get("freedom"):
        error, freedom = paired["error"], int(paired["freedom"])
        found |= {"paired": True, "difference": paired["value"]}
        difference = paired["value"]
    elif _known(first, "error") and _known(second, "error"):
        error, freedom = _welch(first, second)
    else:
        return found
    half = student.quantile((1 + CONFIDENCE) / 2, freedom) * error
    away = abs(difference) / error if error else (math.inf if difference else 0.0)
    p_value = 2 * student.tail(away, freedom)
    return found | {"interval": [difference - half, difference + half], "p_value": p_value}


def _welch(first: Mapping[str, Any], second: Mapping[str, Any]) -> tuple[float, int]:
    """(standard error, degrees of freedom) of the difference of two independent means."""
    parts = [(side["error"] ** 2, side.get("freedom") or 1) for side in (first, second)]
    total = sum(square for square, _ in parts)
    below = sum(square**2 / freedom for square, freedom in parts)
    return math.sqrt(total), max(int(total**2 / below), 1) if below else 1


def _known(estimate: Mapping[str, Any] | None, name: str) -> bool:
    """Whether there is such a number; those that are not finite are written as text."""
    return estimate is not None and isinstance(estimate.get(name), (int, float))


def _checks(one: Lineage, other: Lineage) -> dict[str, list[bool | None]]:
    """Those that one of them failed, or that only one of them knows."""
    sides = [
        {check["name"]: check["passed"] for check in side["gate"].get("checks") or ()}
        for side in (one, other)
    ]
    return differing(*sides)


def _cost(lineage: Lineage) -> dict[str, float | int | None]:
    serving = lineage["serving"]
    requests = (serving.get("latency") or {}).get("requests") or ()
    one = next((row for row in requests if row["examples"] == 1), {})
    return {
        "parameters": lineage["model"]["parameters"],
        "size_bytes": serving.get("size_bytes"),
        "peak_memory_bytes": serving.get("peak_memory_bytes"),
        "load_seconds": serving.get("load_seconds"),
        "latency_p50_ms": one.get("p50_ms"),
        "latency_p95_ms": one.get("p95_ms"),
        **{f"seconds.{name}": seconds for name, seconds in lineage["seconds"].items()},
        "seconds": sum(lineage["seconds"].values()),
    }


def _costs(one: Lineage, other: Lineage) -> Sequence[str]:
    return list(dict.fromkeys([*_cost(one), *_cost(other)]))
