"""Names of classes, and probabilities as answers for people."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from perceiver_keras.errors import UsageError
from perceiver_keras.tasks.contract.examples import Labels


def class_names(labels: Labels | None, num_classes: int) -> list[str]:
    """The labels, or if there are none the numbers of the classes."""
    return list(labels) if labels else [str(number) for number in range(num_classes)]


def check_num_classes(labels: Labels | None, config: Any) -> None:
    """Raises `UsageError` if the data set and the model have different numbers of classes."""
    classes = config.model.num_classes
    if labels is not None and len(labels) != classes:
        raise UsageError(
            f"Data set {config.data.dataset!r} has {len(labels)} classes but model.num_classes is {classes}; "
            f"add --set model.num_classes={len(labels)}."
        )


def top_labels(
    outputs: Mapping[str, np.ndarray], labels: Labels | None, top: int
) -> list[list[dict[str, Any]]]:
    """The `top` classes of each row of `probabilities` [B, classes], best first, with Hugging Face's keys."""
    return [
        top_of(row, class_names(labels, len(row)), top)
        for row in np.asarray(outputs["probabilities"])
    ]


def top_of(scores: np.ndarray, names: Sequence[str], top: int) -> list[dict[str, Any]]:
    """The `top` of one row of scores [classes]: [{"label", "score"}, …], best first."""
    order = np.argsort(-scores, kind="stable")[:top]
    return [{"label": names[i], "score": round(float(scores[i]), 6)} for i in order]


def trivial_accuracy(found: Any) -> float:
    """The accuracy of always naming the test split's commonest class: the least that a gate must ask for.

    Args:
      found: What lies in the user's data, a `Found` or `Catalogued`.
    """
    counts = found.counts("test")
    return round(max(counts.values()) / counts.total(), 4) if counts else 0.0
