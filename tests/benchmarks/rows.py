"""Rows of results with round numbers."""

from __future__ import annotations

from typing import Any


def side(*seconds: float, peak: int = 10**9, **more: Any) -> dict[str, Any]:
    return {
        "seconds": list(seconds),
        "cpu": [2 * one for one in seconds],
        "peak": peak,
        "first_call": 3.0,
        "versions": {"library": "1.0"},
    } | more


def row(name: str, sides: dict[str, Any], **more: Any) -> dict[str, Any]:
    case = {"name": name, "group": name.split("/")[0], "kind": "forward", "precision": "float32"}
    case |= {"task": "", "batch": 1, "steps": 1, "x": None} | more.pop("case", {})
    return {"case": case, "flops": None, "peak": None, "others": 0.0, "sides": sides} | more
