"""How far the answers of one runtime are from those of another."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from perceiver_keras.errors import PerceiverError

Call = Callable[[Mapping[str, np.ndarray]], Mapping[str, Any]]
MASKED = 1e9  # a number this large says "never", and is not a scale for the others


@dataclass(frozen=True)
class Difference:
    """Of one output, over all requests.

    Attributes:
      absolute: The largest.
      scale: The largest number that was expected.
      relative: `absolute` by `scale`.
    """

    absolute: float
    scale: float
    relative: float


def differences(expected: Call, found: Call, requests: Iterable[Mapping[str, np.ndarray]]) -> dict:
    """{output: Difference}; infinite where one has a number and the other has none, or another shape.

    Raises:
      PerceiverError: `found` lacks an output.
    """
    largest: dict[str, tuple[float, float]] = {}
    for request in requests:
        wanted, given = expected(request), found(request)
        if missing := sorted(wanted.keys() - given.keys()):
            raise PerceiverError(f"The file does not return {', '.join(missing)}.")
        for name, value in wanted.items():
            one = _largest(np.asarray(value, np.float64), np.asarray(given[name], np.float64))
            largest[name] = tuple(map(max, largest.get(name, (0.0, 0.0)), one))
    return {
        name: Difference(absolute, scale, absolute / scale if scale else float(absolute > 0))
        for name, (absolute, scale) in largest.items()
    }


def _largest(wanted: np.ndarray, given: np.ndarray) -> tuple[float, float]:
    """(largest difference, largest expected number)."""
    if wanted.shape != given.shape:
        return float("inf"), 1.0
    plain = np.isfinite(wanted) & (np.abs(wanted) < MASKED)
    odd, odd_given = wanted[~plain], given[~plain]
    # Of what is masked or not finite only the kind counts: no, never, always.
    if not np.array_equal(np.isnan(odd), np.isnan(odd_given)) or np.any(
        ~np.isnan(odd) & ((np.sign(odd) != np.sign(odd_given)) | (np.abs(odd_given) < MASKED / 10))
    ):
        return float("inf"), 1.0
    if not plain.any():
        return 0.0, 0.0
    apart = np.abs(wanted[plain] - given[plain])
    scale = float(np.abs(wanted[plain]).max())
    return (float(apart.max()) if np.isfinite(apart).all() else float("inf")), scale


def worst(found: Mapping[str, Difference]) -> tuple[str, Difference]:
    """The output that is farthest off, relative to its scale."""
    return max(found.items(), key=lambda item: item[1].relative)


def as_json(found: Mapping[str, Difference]) -> dict[str, dict[str, float]]:
    return {name: asdict(one) for name, one in found.items()}
