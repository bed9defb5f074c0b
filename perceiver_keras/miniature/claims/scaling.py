"""Time and memory are linear in inputs and outputs, and depth costs the same at any size (paper, section 3)."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from perceiver_keras.miniature import sizes
from perceiver_keras.miniature.claim import Arm, Claim, Measured, Records, Shows, by_seed
from perceiver_keras.miniature.outcome import Outcome, Statement, interval_of

LARGE = {"sizes": [2048, 8192, 32768, 131072, 524288], "layers": 2, "deep": 8, "seconds": 3.0}
ARMS = (
    Arm("inputs", {"kind": "inputs", **LARGE}, "Perceiver IO, inputs grow"),
    Arm("outputs", {"kind": "outputs", **LARGE}, "Perceiver IO, outputs grow"),
    Arm(
        "transformer",
        {"kind": "transformer", **LARGE, "sizes": [1024, 2048, 4096, 8192, 16384]},
        "Transformer, both grow",
    ),
)
LINEAR, QUADRATIC = 1.1, 1.5  # slopes: at most; at least


def measure(arm: Arm, seed: int, folder: Path, progress: Shows) -> Measured:
    """Time and memory over sizes, and with more layers at the smallest and the largest; a seed is a repetition."""
    s = arm.settings
    with progress(1, "forward passes") as shown:
        found = sizes.measured(s["kind"], s["sizes"], s["layers"], s["deep"], s["seconds"])
        shown.update(1)
    passes, largest = found["passes"], found["passes"][-1]
    return Measured(
        numbers={
            "time_slope": slope(passes, "cpu_seconds"),
            # What is below some 10 MB is the allocator's.
            "memory_slope": slope(passes[-3:], "peak_mb"),
            "flops_slope": slope(passes, "flops"),
            "deeper": found["deep"][-1]["cpu_seconds"] / largest["cpu_seconds"],
            "largest_cpu_seconds": largest["cpu_seconds"],
            "largest_peak_mb": largest["peak_mb"],
        },
        cost={"flops": largest["flops"]},
        curves=found,
    )


def slope(rows: Sequence[Mapping[str, Any]], name: str) -> float:
    """The least-squares slope of log(value) over log(size); 1 for what is proportional to the size."""
    points = [(math.log(row["step"]), math.log(max(row[name], 1e-6))) for row in rows]
    x, y = (sum(values) / len(points) for values in zip(*points, strict=True))
    return sum((a - x) * (b - y) for a, b in points) / sum((a - x) ** 2 for a, _ in points)


def judge(records: Records) -> Outcome:
    """Slopes of at most 1 within a tolerance, the Transformer's well above; and what four times the depth costs."""

    def about(text: str, arm: str, number: str, **limits: float) -> Statement:
        values = list(by_seed(records, arm, number).values())
        return Statement(text=text, interval=interval_of(values), **limits)

    found = []
    for arm in ("inputs", "outputs"):
        found += [
            about(f"slope of time over {arm} is below {LINEAR}", arm, "time_slope", below=LINEAR),
            about(
                f"slope of memory over {arm} is below {LINEAR}", arm, "memory_slope", below=LINEAR
            ),
            about(
                f"four times the layers take below 1.1 times the time with the most {arm}",
                arm,
                "deeper",
                below=1.1,
            ),
        ]
    found += [
        about(f"a Transformer's slope of time is above {QUADRATIC}", "transformer", "time_slope",
              above=QUADRATIC),
        about("four times a Transformer's layers take above 3 times the time", "transformer", "deeper",
              above=3.0),
    ]  # fmt: skip
    return Outcome(statements=tuple(found))


def draw(axes: Any, records: Records) -> None:
    """Processor seconds over size, both logarithmic."""
    from perceiver_keras.miniature.plot import colour

    for arm, found in records.items():
        for number, record in enumerate(found.values()):
            rows = record["curves"]["passes"]
            axes.plot(
                [row["step"] for row in rows],
                [float(row["cpu_seconds"]) for row in rows],
                "o-",
                ms=3,
                lw=1,
                color=colour(records, arm),
                label=None if number else arm,
            )
    axes.set_xscale("log", base=2)
    axes.set_yscale("log")
    axes.set_xlabel("inputs or outputs")
    axes.set_title("processor seconds of a pass", loc="left", fontweight="bold")
    axes.legend(fontsize=8)


CLAIM = Claim(
    name="scaling",
    title="Cost is linear in inputs and in outputs, and independent of depth",
    paper="§3.1 and 3.2",
    statement="the cost is O(M N) in M inputs, O(O N) in O outputs and, for L layers, O(L N²) in latents alone, so "
    "that depth does not multiply the cost of large inputs; a Transformer's is O(L M²).",
    miniature="forward passes of 2,048 to 524,288 inputs, then outputs, with 64 latents of 64 channels and 2 or 8 "
    "layers; a Transformer of the same width from 1,024 to 16,384. Processor seconds, so that other work on the "
    "machine disturbs less, and the process's peak memory (its slope over the three largest sizes). A seed is a "
    "repetition in new processes.",
    arms=ARMS,
    measure=measure,
    judge=judge,
    metric="time_slope",
    minutes=4,
    alone=True,
    draw=draw,
    reading="With few inputs most of a pass is the latents' own cost, which does not grow; so the slope over all sizes "
    "is below 1.",
    quick={"sizes": [64, 128, 256], "seconds": 0.0, "deep": 4},
)
