"""What the evaluation measured and how sure it is, as plain numbers that become JSON."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True, kw_only=True)
class Estimate:
    """A metric's value on the examples of a split, and its confidence interval.

    Attributes:
      value: On all these examples; NaN or infinite if a prediction was not a finite number.
      low, high: The ends of the two-sided 95 % interval; None if there is none.
      error: The standard error; 0 where no subset of the examples gives another value, as when all answers are right.
      freedom: Degrees of freedom of Student's t for `error`.
    """

    value: float
    low: float | None = None
    high: float | None = None
    error: float | None = None
    freedom: int | None = None

    def to_json(self) -> dict[str, Any]:
        """Only what is known; numbers that are not finite as text, which JSON has no numbers for."""
        return {name: _written(value) for name, value in vars(self).items() if value is not None}

    @classmethod
    def from_json(cls, tree: Mapping[str, Any]) -> Estimate:
        """The inverse of `to_json`."""
        numbers = {name: float(value) for name, value in tree.items() if name != "freedom"}
        freedom = tree.get("freedom")
        return cls(**numbers, freedom=None if freedom is None else int(freedom))


Estimates = Mapping[str, Estimate]  # by the metric's name


@dataclass(frozen=True, kw_only=True)
class Evaluated:
    """A candidate and the last blessed model on the same examples: all of the test split, or a slice of it.

    Attributes:
      examples: How many there are.
      metrics: The candidate's. A metric is absent where there was nothing to count.
      baseline: The last blessed model's; None without such a model.
      difference: The candidate's minus the baseline's. Both are resampled together, so that what is hard for both does
        not widen the interval. None without a baseline.
      slice: "label=7" or "text/words=10..100"; "" for all examples.
      slices: The parts of the split, in the order of their names; none within a slice.
    """

    examples: int
    metrics: Estimates
    baseline: Estimates | None = None
    difference: Estimates | None = None
    slice: str = ""
    slices: Sequence[Evaluated] = field(default=())

    def part(self, name: str) -> Evaluated | None:
        """The slice of that name, or all examples for ""; None if no example is in such a slice."""
        if name == self.slice:
            return self
        return next((part for part in self.slices if part.slice == name), None)

    def of_feature(self, feature: str) -> list[Evaluated]:
        """The slices by a feature: "label" -> those of all classes."""
        return [part for part in self.slices if part.slice.partition("=")[0] == feature]

    def to_json(self) -> dict[str, Any]:
        """The keys are the attributes."""
        tree: dict[str, Any] = {"examples": self.examples, "slice": self.slice}
        for name in ("metrics", "baseline", "difference"):
            found = getattr(self, name)
            tree[name] = found and {key: one.to_json() for key, one in found.items()}
        return tree | {"slices": [part.to_json() for part in self.slices]}

    @classmethod
    def from_json(cls, tree: Mapping[str, Any]) -> Evaluated:
        """The inverse of `to_json`; what an older file lacks is empty."""

        def estimates(name: str) -> Estimates | None:
            found = tree.get(name)
            return found and {key: Estimate.from_json(one) for key, one in found.items()}

        return cls(
            examples=int(tree["examples"]),
            metrics=estimates("metrics") or {},
            baseline=estimates("baseline"),
            difference=estimates("difference"),
            slice=tree.get("slice", ""),
            slices=tuple(cls.from_json(part) for part in tree.get("slices", ())),
        )


def _written(value: float | int) -> float | int | str:
    return value if math.isfinite(value) else str(float(value))
