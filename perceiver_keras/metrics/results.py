"""The values of metrics, as Python numbers."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from tensorflow import keras

from perceiver_keras.metrics.columns import ColumnMetric


def results(metrics: Iterable[keras.metrics.Metric]) -> dict[str, float]:
    """Values by name; if a metric returns a dict, each of its values has its own name.

    A metric of columns that has counted nothing, such as the error of long motions among short ones, is left out.
    """
    values: dict[str, float] = {}
    for metric in metrics:
        if isinstance(metric, ColumnMetric) and not metric.counted:
            continue
        result = metric.result()
        if isinstance(result, dict):
            values |= {name: float(value) for name, value in result.items()}
        else:
            values[metric.name] = float(result)
    return values


def results_of(metrics: Iterable[ColumnMetric], columns: Iterable[Any]) -> dict[str, float]:
    """Adds batches of columns [B, K] to new metrics and returns their values by name."""
    metrics = list(metrics)
    for rows in columns:
        for metric in metrics:
            metric.update_state(None, rows)
    return results(metrics)
