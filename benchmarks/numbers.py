"""What a row of the results says: seconds, memory, ratios to the peers, share of the machine's peak."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from perceiver_keras.benchmarks.measure import spread

OURS = "ours"
# They are ours too, in another form: no ratio is told of them.
OURS_TOO = (OURS, "xla")
MB = 1e6
DISTURBED = 0.1  # the share of the processors' time that other work may take


@dataclass(frozen=True)
class Number:
    """One side of one case.

    Attributes:
      side: Its name.
      median, least, most: Seconds of a call.
      cpu: CPU seconds of a call, on average.
      megabytes: The most that was resident.
      first: Seconds of the first call, compiling included.
      failed: Why there is none of these.
    """

    side: str
    median: float = 0.0
    least: float = 0.0
    most: float = 0.0
    cpu: float = 0.0
    megabytes: float = 0.0
    first: float = 0.0
    failed: str = ""


def numbers(row: dict[str, Any]) -> Iterator[Number]:
    """Of all sides of a case."""
    for name, side in row["sides"].items():
        if "failed" in side:
            yield Number(name, failed=side["failed"])
            continue
        told = spread(side["seconds"])
        yield Number(
            side=name,
            median=told["median"],
            least=told["min"],
            most=told["max"],
            cpu=sum(side["cpu"]) / len(side["cpu"]),
            megabytes=side["peak"] / MB,
            first=side.get("compile", 0.0) + side["first_call"],
        )


def of(row: dict[str, Any], side: str = OURS) -> Number | None:
    """One side's, if it was measured and did not fail."""
    found = [one for one in numbers(row) if one.side == side and not one.failed]
    return found[0] if found else None


def best_peer(row: dict[str, Any]) -> Number | None:
    """The fastest other side."""
    others = [one for one in numbers(row) if one.side not in OURS_TOO and not one.failed]
    return min(others, key=lambda one: one.median, default=None)


def ratio(row: dict[str, Any], attribute: str = "median") -> float | None:
    """Ours divided by the fastest peer's; below 1 is better."""
    mine, theirs = of(row), best_peer(row)
    if mine is None or theirs is None:
        return None
    return getattr(mine, attribute) / getattr(theirs, attribute)


def with_best_peaks(cases: dict[str, dict[str, Any]]) -> dict[str, dict[str, Any]]:
    """The same cases, each with the fastest products that any run of them reached in its precision.

    In a run in which other work slowed the products down, shares would be above what is possible.
    """

    def best(precision: str) -> float | None:
        alike = (row for row in cases.values() if row["case"]["precision"] == precision)
        return max((row["peak"] for row in alike if row["peak"]), default=None)

    return {name: row | {"peak": best(row["case"]["precision"])} for name, row in cases.items()}


def share_of_peak(row: dict[str, Any]) -> float | None:
    """Our counted operations per second, as a share of what matrix products reached.

    None where other work disturbed the case: the products had another part of the processors.
    """
    mine = of(row)
    if (row["others"] or 0.0) > DISTURBED:
        return None
    if mine is None or not row["flops"] or not row["peak"]:
        return None
    return row["flops"] / mine.median / row["peak"]


def per_second(row: dict[str, Any], side: str = OURS) -> float | None:
    """Steps of training, or examples of a pipeline, per second."""
    found = of(row, side)
    if found is None:
        return None
    case = row["case"]
    amount = row["sides"][side]["examples"] if case["kind"] == "pipeline" else case["steps"]
    return amount / found.median


def supply(pipeline: dict[str, Any], step: dict[str, Any]) -> float | None:
    """How many times as many examples the pipeline delivers as training steps use."""
    have, mine = per_second(pipeline), of(step)
    if have is None or mine is None:
        return None
    return have / (step["sides"][OURS]["examples"] / mine.median)
