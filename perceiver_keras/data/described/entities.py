"""How many entities a set has, and the means of their numbers; which of them was chosen."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from perceiver_keras.data.described.decode import Decoded
from perceiver_keras.data.described.measures import COLUMN

MASK = "mask"  # the stored feature that is 1 for rows with an entity
OUTCOMES = {0: b"lost", 1: b"won"}
MOST_COLUMNS = 32  # whose means are measured


def describe(
    entities: Decoded, mask: Decoded | None, names: Sequence[str] | None = None
) -> dict[str, float | int]:
    """The measures of a set, by name: `column_health`, … are the means of the first columns over its entities.

    For columns of zeros and ones that name a type, these are the shares of the types.

    Args:
      entities: The numbers.
      mask: Which rows hold an entity.
      names: Of the columns; None: they are numbered, `column_0`.

    Raises:
      ValueError: the numbers do not fill the mask's rows.
    """
    values = entities.value
    if mask is None or mask.problem:
        return {"not_finite": float(1 - np.isfinite(values).mean())}
    rows = mask.value.ravel()
    if len(values) % len(rows):
        raise ValueError(f"{len(values)} numbers do not fill {len(rows)} rows")
    table = values.reshape(len(rows), -1)[rows]
    found = {"count": len(table), "columns": len(values) // len(rows)}
    if not table.size:
        return found | {"not_finite": 0.0}
    finite = np.isfinite(table)
    found["not_finite"] = float(1 - finite.mean())
    means = np.where(finite, table, 0.0)[:, :MOST_COLUMNS].mean(axis=0, dtype=np.float64)
    keys = column_keys(names, len(means))
    return found | {key: float(mean) for key, mean in zip(keys, means, strict=True)}


def column_keys(names: Sequence[str] | None, count: int) -> list[str]:
    """What the means of the first columns are called: by name; by number where there is none, or not one of its own."""
    known = [name.replace("/", "_") for name in (names or ())][:count]
    return [
        f"{COLUMN}{known[place]}"
        if place < len(known) and known[place] and known.count(known[place]) == 1
        else f"{COLUMN}{place}"
        for place in range(count)
    ]


def describe_choice(choice: Decoded) -> dict[str, int | bytes]:
    """The row of the chosen entity, and the outcome's name; raises ValueError if they are not two numbers."""
    row, outcome = choice.value
    return {"row": row, "outcome": OUTCOMES.get(outcome, str(outcome).encode())}
