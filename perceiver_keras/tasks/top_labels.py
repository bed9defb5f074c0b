"""Probabilities of classes as answers for people."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from perceiver_keras.tasks.task import Labels


def top_labels(
    outputs: Mapping[str, np.ndarray], labels: Labels | None, top: int
) -> list[list[dict[str, Any]]]:
    """The `top` classes of each row of `probabilities` [B, classes], best first, with Hugging Face's keys.

    A class without a name has its number.
    """
    return [
        [
            {"label": labels[i] if labels else str(i), "score": round(float(row[i]), 6)}
            for i in np.argsort(-row, kind="stable")[:top]
        ]
        for row in outputs["probabilities"]
    ]
