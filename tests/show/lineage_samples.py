"""Lineages as `pipeline/lineage.py` gives them: of a run as they are now, and of an old one."""

from __future__ import annotations

from typing import Any


def estimate(value: float, error: float) -> dict[str, Any]:
    return {"value": value, "low": value - 2 * error, "high": value + 2 * error, "error": error}


def new() -> dict[str, Any]:
    return {
        "run_dir": "runs/digits",
        "model": {
            "task": "image_classification", "preset": "tiny", "parameters": 122630,
            "artifact": 13, "uri": "artifacts/Trainer/model/6", "run": "r", "withdrawn": None,
        },
        "push": {
            "version": "1795640090", "folder": "runs/digits/pushed/1795640090",
            "time": "2026-11-25T20:54:50Z", "artifact": 18, "execution": 10,
        },
        "data": {
            "dataset": "perceiver_digits", "fingerprint": "422b971e0d5e94ec", "artifact": 1,
            "examples": {"train": 1349, "validation": 179, "test": 269},
            "classes": [str(digit) for digit in range(10)], "execution": 1,
        },
        "schema": {
            "artifact": 3, "uri": "s", "own": False,
            "accepted": {"because": "new camera", "by": None, "time": "2026-11-20T10:00:00Z"},
            "anomalies": {"clean": False, "texts": ["image/height was 8 and is 9 in 3 examples."]},
        },
        "settings": {
            "config": {"train": {"steps": 2400, "seed": 0, "init": "deepmind/imagenet"}},
            "overrides": ["train.steps=2400"],
        },
        "code": "1d1ac860f223e2fb",
        "began_from": {"weights": "deepmind/imagenet", "fingerprint": "abcd"},
        "packages": {"tensorflow": "2.15.1"},
        "evaluation": {
            "examples": 269,
            "metrics": {"accuracy": estimate(0.98, 0.01), "cross_entropy": estimate(0.12, 0.02)},
            "baseline": {"accuracy": estimate(0.97, 0.01)},
            "trivial": {"accuracy": 0.1004},
            "thresholds": {"accuracy": 0.97},
            "lower_is_better": ["cross_entropy"],
            "slices": [
                {"slice": "label=7", "examples": 30,
                 "metrics": {"accuracy": estimate(0.9, 0.05), "cross_entropy": estimate(0.1, 0.1)}},
                {"slice": "label=8", "examples": 20,
                 "metrics": {"accuracy": estimate(0.99, 0.01), "cross_entropy": estimate(0.3, 0.1)}},
            ],
        },
        "baseline": {"model": 5, "uri": "u", "version": "1795640001"},
        "gate": {
            "blessed": True, "time": "2026-11-25T20:54:50Z", "artifact": 17, "execution": 9,
            "checks": [
                {"name": "threshold accuracy", "passed": True, "text": "accuracy is 0.98."},
                {"name": "test split", "passed": None, "text": "269 examples are few."},
            ],
        },
        "serving": {
            "cause": None, "size_bytes": 1_896_487, "load_seconds": 3.2,
            "latency": {"machine": "2 cores", "requests": [
                {"examples": 1, "p50_ms": 2.5, "p95_ms": 3.5, "repeats": 100}]},
        },
        "seconds": {"Trainer": 180.8, "Evaluator": 18.1},
        "unknown": [],
    }  # fmt: skip


def old() -> dict[str, Any]:
    """What older versions did not record is absent."""
    found = new()
    found["gate"] = {"blessed": True, "checks": None, "time": None, "reasons": []}
    found["evaluation"] = {
        "examples": 269.0, "metrics": {"accuracy": {"value": 0.98}}, "baseline": None,
        "trivial": {}, "slices": [], "thresholds": {}, "lower_is_better": [],
    }  # fmt: skip
    found |= {"schema": None, "baseline": None, "packages": {}, "serving": {}, "began_from": None}
    found["settings"]["overrides"] = None
    return found | {"code": None, "unknown": ["the code", "the gate's checks"]}
