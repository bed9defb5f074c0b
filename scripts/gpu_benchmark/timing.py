"""How both sides are timed, and what is kept of it."""

from __future__ import annotations

import dataclasses
import statistics
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

WARM_UP, AT_LEAST, AT_MOST, BUDGET = 3, 5, 50, 3.0


def timed(step: Callable[[], Any]) -> list[float]:
    """Seconds of single calls, after three to warm up; `step` returns when its work on the device is done.

    As many calls as fit into three seconds, but from 5 to 50.
    """
    for _ in range(WARM_UP):
        step()
    found, end = [], time.perf_counter() + BUDGET
    while len(found) < AT_LEAST or (len(found) < AT_MOST and time.perf_counter() < end):
        begin = time.perf_counter()
        step()
        found.append(time.perf_counter() - begin)
    return found


@dataclass(frozen=True, kw_only=True)
class Record:
    """One case on one side: seconds of each call, of compiling; FLOPs of the batch; bytes on the device at the peak;
    `made`: of what the compiler made the graph.
    """

    case: str
    side: str
    seconds: list[float]
    compile_seconds: float
    flops: int
    memory: int
    finite: bool
    note: str = ""
    workspace: int = 0
    made: dict[str, int] = dataclasses.field(default_factory=dict)

    def as_json(self) -> dict[str, Any]:
        kept = dataclasses.asdict(self) | {
            "median": statistics.median(self.seconds),
            "min": min(self.seconds),
            "max": max(self.seconds),
            "calls": len(self.seconds),
        }
        del kept["seconds"]
        return kept

    def __str__(self) -> str:
        median = statistics.median(self.seconds)
        return (
            f"{self.side:12} {self.case:36} {median * 1e3:9.2f} ms  {self.flops / median / 1e12:6.1f} TFLOP/s"
            f"  {self.memory / 1e9:6.2f} GB  compiled in {self.compile_seconds:5.1f} s"
            f"  finite={self.finite}"
        )
