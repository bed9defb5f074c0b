"""Records with given numbers, for tests of judges."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any


def records_of(
    numbers: Mapping[str, Mapping[str, float]],
    cost: Mapping[str, Mapping[str, float]] | None = None,
) -> dict[str, dict[int, dict[str, Any]]]:
    """{arm: {seed: record}} of three seeds around {arm: {number: value}}; seeds differ by a thousandth."""
    return {
        arm: {
            seed: {
                "numbers": {name: value * (1 + 0.001 * seed) for name, value in found.items()},
                "cost": (cost or {}).get(arm, {}),
            }
            for seed in range(3)
        }
        for arm, found in numbers.items()
    }
