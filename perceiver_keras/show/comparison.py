"""Two models next to each other, as text."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from perceiver_keras.show.lineage import UNKNOWN, number, spelled

MOST_SLICES = 20  # rows, those with the largest difference first
WIDEST = 40  # characters of a setting's value

Row = tuple[str, ...]


def sections(compared: Mapping[str, Any]) -> Iterator[tuple[str, Sequence[str], list[Row]]]:
    """(title, names of the columns, rows) of each table; tables without rows are left out.

    Args:
      compared: As `pipeline/compare.py` gives it.
    """
    ends = ("FIRST", "SECOND")
    for title, head, rows in (
        ("Settings that differ", ("SETTING", *ends), _pairs(compared["settings"], "not set")),
        ("Data and code", ("WHAT", *ends), list(_origins(compared))),
        ("Packages that differ", ("PACKAGE", *ends), _pairs(compared["packages"])),
        ("Metrics", ("METRIC", *ends, "DIFFERENCE", "BETTER"), _metrics(compared["metrics"])),
        (
            "Slices",
            ("METRIC", "SLICE", *ends, "DIFFERENCE", "BETTER"),
            _slices(compared["slices"]),
        ),
        ("Checks that differ", ("CHECK", *ends), list(_checks(compared["checks"]))),
        ("Cost", ("WHAT", *ends), list(_costs(compared["cost"]))),
    ):
        if rows:
            yield title, head, rows


def on_what(compared: Mapping[str, Any]) -> str:
    """A sentence on which examples the two were judged by, and what the intervals are."""
    said = {
        True: "Both were judged by the same test examples.",
        False: "They were judged by different test examples.",
        None: "Whether they were judged by the same test examples was not recorded.",
    }[compared["same_test"]]
    rows = [row for row in compared["metrics"] if row["interval"] is not None]
    if not rows:
        return f"{said} The store has no intervals of one of them."
    if any(row["paired"] for row in rows):
        return f"{said} The gate compared them example by example; intervals are 95 %."
    return f"{said} The 95 % intervals take them for independent samples."


def _pairs(pairs: Mapping[str, Sequence[Any]], absent: str = UNKNOWN) -> list[Row]:
    return [
        (key, *(absent if end is None else _value(end) for end in ends))
        for key, ends in pairs.items()
    ]


def _origins(compared: Mapping[str, Any]) -> Iterator[Row]:
    """What is the same is said once, so that one sees at a glance what may be the cause."""
    rows = {"task": compared["tasks"], **compared["data"], "code": compared["code"]}
    begun = [(side or {}).get("weights") or "random weights" for side in compared["began_from"]]
    for name, (one, other) in (rows | {"began from": begun}).items():
        if one == other:
            yield name, _value(one), "the same"
        else:
            yield name, _value(one), _value(other)


def _metrics(rows: Sequence[Mapping[str, Any]]) -> list[Row]:
    return [(row["metric"], *_ends(row), *_verdict(row)) for row in rows]


def _slices(rows: Sequence[Mapping[str, Any]]) -> list[Row]:
    known = [row for row in rows if row["difference"] is not None]
    largest = sorted(known, key=lambda row: -abs(row["difference"]))[:MOST_SLICES]
    return [(row["metric"], row["slice"], *_ends(row), *_verdict(row)) for row in largest]


def _ends(row: Mapping[str, Any]) -> Row:
    return tuple("" if row[end] is None else spelled(row[end]) for end in ("one", "other"))


def _verdict(row: Mapping[str, Any]) -> Row:
    if row["difference"] is None:
        return "", ""
    said = f"{row['difference']:+.4g}"
    if row["interval"] is None:
        return said, "no interval"
    low, high = row["interval"]
    better = {"one": "first", "other": "second", None: "can't tell"}[row["better"]]
    return f"{said} ({number(low)} to {number(high)})", better


def _checks(checks: Mapping[str, Sequence[bool | None]]) -> Iterator[Row]:
    words = {True: "passed", False: "failed", None: ""}
    for name, (one, other) in checks.items():
        yield name, words[one], words[other]


def _costs(costs: Mapping[str, Sequence[Any]]) -> Iterator[Row]:
    for name, (one, other) in costs.items():
        if one is not None or other is not None:
            yield name.replace("_", " "), _cost(name, one), _cost(name, other)


def _cost(name: str, value: Any) -> str:
    if value is None:
        return ""
    if name.endswith("_bytes"):
        return f"{value / 1e6:,.1f} MB"
    if name.startswith(("seconds", "load")):
        return f"{value:,.1f} s"
    return f"{value:.3g} ms" if name.endswith("_ms") else f"{value:,}"


def _value(value: Any) -> str:
    if value is None:
        return UNKNOWN
    if isinstance(value, Mapping):
        text = ", ".join(f"{key} {_value(item)}" for key, item in value.items())
    elif isinstance(value, (list, tuple)):
        text = ", ".join(map(_value, value))
    else:
        text = (
            f"{value:,}" if isinstance(value, int) and not isinstance(value, bool) else str(value)
        )
    return text if len(text) <= WIDEST else text[: WIDEST - 1] + "…"
