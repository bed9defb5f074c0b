"""Evaluations of made-up models: right or wrong per example, with the errors of TFMA's jackknife over 20 groups."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from perceiver_keras.gate.estimates import Estimate, Evaluated

GROUPS = 20
T_95 = 2.093024054408263  # scipy.stats.t.ppf(0.975, 19)


def estimate(values: np.ndarray, groups: np.ndarray) -> Estimate:
    """The mean of values [n], as TFMA's jackknife sees it: its pseudo-values of 20 groups of random sizes."""
    total, count = float(values.sum()), len(values)
    sums = np.bincount(groups, weights=values, minlength=GROUPS)
    sizes = np.bincount(groups, minlength=GROUPS)
    if count == 0 or (sizes == count).any():
        return Estimate(value=total / max(count, 1))
    point = total / count
    pseudo = GROUPS * point - (GROUPS - 1) * (total - sums) / (count - sizes)
    error = float(pseudo.std(ddof=1) / np.sqrt(GROUPS))
    return Estimate(
        value=point,
        low=point - T_95 * error,
        high=point + T_95 * error,
        error=error,
        freedom=GROUPS - 1,
    )


def evaluated(
    candidate: Mapping[str, np.ndarray] | np.ndarray,
    baseline: Mapping[str, np.ndarray] | np.ndarray | None = None,
    *,
    labels: Sequence[str] | np.ndarray | None = None,
    seed: int = 0,
) -> Evaluated:
    """Of values per example [n], by metric or of "accuracy" alone, with a slice per label [n] if there are labels."""
    own, before = _by_name(candidate), None if baseline is None else _by_name(baseline)
    count = len(next(iter(own.values())))
    groups = np.random.default_rng(seed).integers(0, GROUPS, count)

    def part(where: np.ndarray, name: str, slices: Sequence[Evaluated] = ()) -> Evaluated:
        def of(values: Mapping[str, np.ndarray]) -> dict[str, Estimate]:
            return {
                metric: estimate(np.asarray(one, float)[where], groups[where])
                for metric, one in values.items()
            }

        difference = before and {metric: own[metric] - before[metric] for metric in before}
        return Evaluated(
            examples=int(where.sum()),
            metrics=of(own),
            baseline=before and of(before),
            difference=difference and of(difference),
            slice=name,
            slices=slices,
        )

    slices = []
    if labels is not None:
        labels = np.asarray(labels)
        slices = [part(labels == name, f"label={name}") for name in sorted(set(labels.tolist()))]
    return part(np.ones(count, bool), "", slices)


def right(share: float, count: int, seed: int = 0) -> np.ndarray:
    """1 for that share of `count` answers, in random places, else 0."""
    found = np.zeros(count)
    found[: round(share * count)] = 1
    np.random.default_rng(seed).shuffle(found)
    return found


def _by_name(values: Mapping[str, np.ndarray] | np.ndarray) -> dict[str, np.ndarray]:
    named = values if isinstance(values, Mapping) else {"accuracy": values}
    return {name: np.asarray(one, float) for name, one in named.items()}
