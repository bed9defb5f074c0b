"""The JSON that the gate's components write, made by hand in their format: for the tests of the pages."""

from __future__ import annotations

from typing import Any


def estimate(value: float, half: float | None = None, freedom: int = 19) -> dict[str, Any]:
    """An `Estimate` as JSON, with an interval of `half` to both sides."""
    if half is None:
        return {"value": value}
    ends = {"low": value - half, "high": value + half}
    return {"value": value, **ends, "error": half / 2.09, "freedom": freedom}


def part(name: str, examples: int, value: float, half: float, difference: float) -> dict[str, Any]:
    """An `Evaluated` as JSON, of one slice."""
    return {
        "slice": name,
        "examples": examples,
        "metrics": {"accuracy": estimate(value, half)},
        "baseline": {"accuracy": estimate(value - difference, half)},
        "difference": {"accuracy": estimate(difference, half / 2)},
        "slices": [],
    }


def verdict(**changes: Any) -> dict[str, Any]:
    """A Gate's verdict.json."""
    checks = [
        {"name": "finite", "passed": True, "text": "All metrics are finite numbers."},
        {
            "name": "threshold accuracy@label",
            "passed": False,
            "text": "accuracy@label=8 is 0.8846 [0.750, 1.000]; at least 0.9 is asked for.",
        },
        {"name": "test split", "passed": None, "text": "269 examples are few."},
    ]
    labels = [part(f"label={n}", 20 + n, 0.99 - 0.01 * n, 0.05, 0.01) for n in range(10)]
    labels[4] = part("label=4", 24, 0.5, 0.1, -0.3)
    words = [
        part("text/words=10..100", 120, 0.97, 0.02, 0.0),
        part("text/words=..10", 100, 0.96, 0.02, 0.0),
        part("text/words=100..", 49, 0.99, 0.01, 0.02),
    ]
    evaluated = {
        "slice": "",
        "examples": 269,
        "metrics": {
            "accuracy": estimate(0.9888, 0.0156),
            "cross_entropy": estimate(0.122, 0.05),
            "calibration_error": estimate(0.013, 0.01),
            "example_count": estimate(269.0),
        },
        "baseline": {"accuracy": estimate(0.9851, 0.015), "example_count": estimate(269.0)},
        "difference": {"accuracy": estimate(0.0037, 0.011), "example_count": estimate(0.0)},
        "slices": [*labels, *words],
    }
    made = {
        "blessed": False,
        "checks": checks,
        "evaluated": evaluated,
        "trivial": {"accuracy": 0.1004},
        "confidence": 0.95,
        "smallest_difference": {"accuracy": 0.0107},
        "serving": serving(),
    }
    return made | changes


def serving(**changes: Any) -> dict[str, Any]:
    """A ServingValidator's verdict.json."""
    made = {
        "cause": None,
        "records": 8,
        "load_seconds": 1.84,
        "slowest_seconds": 0.4,
        "latency": {
            "machine": "a processor, 2 cores",
            "requests": [
                {"examples": 1, "repeats": 100, "p50_ms": 2.0, "p95_ms": 3.0},
                {"examples": 8, "repeats": 50, "p50_ms": 8.0, "p95_ms": 9.0},
            ],
        },
        "size_bytes": 3_250_000,
        "peak_memory_bytes": 411 * 2**20,
        "baseline": None,
        "slowdown": 1.31,
        "skew": {
            "examples": 200,
            "compared": ["serving_default", "serving_tensors"],
            "largest_difference": 3.1e-7,
            "stage": None,
            "output": None,
            "text": None,
        },
    }
    return made | changes


def anomalies(**changes: Any) -> dict[str, Any]:
    """An ExampleValidator's anomalies.json."""
    found = [
        {
            "feature": "image/height",
            "split": "train",
            "kind": "range",
            "was": [8, 8],
            "is": 16,
            "examples": 12,
            "of": 1349,
            "text": "image/height is 16 in 12 of 1,349 examples of train; it was 8.",
            "indices": [3, 17, 1348],
        },
        {
            "feature": "label",
            "split": "test",
            "kind": "new class",
            "was": None,
            "is": "<ten>",
            "examples": 2,
            "of": 269,
            "text": "label has the new class <ten> in 2 of 269 examples of test.",
            "indices": [0, 5],
        },
    ]
    made = {
        "clean": False,
        "on_anomaly": "stop",
        "against": {"schema_uri": "somewhere/SchemaGen/schema/3", "run": "2026-11-25T10:00:00"},
        "anomalies": found,
        "drift": [
            {
                "feature": "label",
                "split": "train",
                "measure": "l_infinity",
                "value": 0.031,
                "limit": 0.12,
            },
            {
                "feature": "image/mean",
                "split": "train",
                "measure": "jensen_shannon",
                "value": 0.24,
                "limit": 0.113,
            },
        ],
        "skew": [
            {
                "feature": "image/mean",
                "split": "test",
                "measure": "jensen_shannon",
                "value": 0.01,
                "limit": 0.15,
            }
        ],
    }
    return made | changes


def leaks(**changes: Any) -> dict[str, Any]:
    """A LeakDetector's leaks.json."""
    made = {
        "splits": {"train": 1349, "validation": 180, "test": 269},
        "pairs": [
            {
                "splits": ["train", "test"],
                "exact": 134,
                "near": 3,
                "share": 0.509,
                "other_label": 1,
            },
            {"splits": ["train", "validation"], "exact": 0, "near": 0, "share": 0.0},
        ],
        "examples": [
            {
                "splits": ["train", "test"],
                "indices": [7, 9],
                "how": "exact",
                "labels": ["3", "3"],
            },
            {"splits": ["train", "test"], "indices": [8, 11], "how": "near", "labels": ["3", "8"]},
        ],
        "limit": 0.01,
    }
    return made | changes
