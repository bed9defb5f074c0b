"""What one rule of the gate found."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Check:
    """A rule's verdict.

    Attributes:
      name: The rule, and the metric or threshold that it was applied to: "threshold accuracy@label=7".
      passed: False refuses the model; None is a note, or a rule that could not be applied.
      text: What was found, with its numbers, in one or a few sentences.
    """

    name: str
    passed: bool | None
    text: str

    def to_json(self) -> dict[str, Any]:
        return {"name": self.name, "passed": self.passed, "text": self.text}


def number(value: float | None) -> str:
    """Four digits; "unknown" if there is none."""
    return "unknown" if value is None or math.isnan(value) else f"{value:.4g}"


def listed(sentences: list[str], most: int = 5) -> str:
    """The first few, and how many more there are."""
    more = len(sentences) - most
    return "; ".join(sentences[:most]) + (f"; and {more} more" if more > 0 else "")
