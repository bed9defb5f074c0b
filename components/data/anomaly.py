"""One thing about the data that its schema does not allow, or that people should know; and what is due to chance."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from perceiver_keras.components.data.comparators import CHANCE


@dataclass(frozen=True)
class Anomaly:
    """What was found.

    Attributes:
      feature: The measure, "image/height", or "" if it is about whole examples.
      split: Where; the first of several.
      kind: In a few words, the same for the same kind of anomaly.
      was, now: The old and the new value, of JSON's types.
      examples, of: How many examples of how many.
      text: One sentence for people.
      indices: Places in the split of at most eight of these examples.
      stops: Whether it stops a run; else it may be chance, or harmless, and is only reported.
    """

    feature: str
    split: str
    kind: str
    was: Any
    now: Any
    examples: int
    of: int
    text: str
    indices: list[int] = field(default_factory=list)
    stops: bool = True

    def as_json(self) -> dict[str, Any]:
        """With `now` under "is"."""
        values = dict(vars(self))
        values["is"] = values.pop("now")
        return values


def probability_of_all(k: int, inside: int, outside: int) -> float:
    """That all of k examples, drawn from inside + outside without replacement, are from inside.

    Of two samples of one distribution this is the chance that k examples which are alike are all in one of them: that
    a class with k examples is missing in the other, or that the k greatest values are all in one.
    """
    if k > inside:
        return 0.0
    logs = (math.log((inside - i) / (inside + outside - i)) for i in range(min(k, 10_000)))
    return math.exp(sum(logs))


def is_chance(k: int, inside: int, outside: int) -> bool:
    """Whether two samples of one distribution may well differ like that: more often than once in 100 000."""
    return probability_of_all(int(k), int(inside), int(outside)) >= CHANCE


def number(value: float) -> str:
    """Four digits, whole numbers as they are."""
    return f"{value:g}" if float(value).is_integer() and abs(value) < 1e9 else f"{value:.4g}"


def listed(names: Iterable[Any], most: int = 5) -> str:
    """'a', 'b' and 3 more."""
    words = [repr(name) if isinstance(name, str) else number(name) for name in names]
    if len(words) > most:
        return f"{', '.join(words[:most])} and {len(words) - most} more"
    return ", ".join(words[:-1]) + (" and " if len(words) > 1 else "") + words[-1] if words else ""


def plural(count: int, word: str, many: str = "") -> str:
    """1 example, 2 examples."""
    return f"{count} {word}" if count == 1 else f"{count} {many or word + 's'}"
