"""The values of metrics, on the host."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from tensorflow import keras

from perceiver_keras.metrics.columns import ColumnMetric


def results(metrics: Iterable[keras.metrics.Metric]) -> dict[str, float]:
    """Values by name; a metric that gives several (a dict) has each under its own name."""
    values: dict[str, float] = {}
    for metric in metrics:
        result = metric.result()
        if isinstance(result, dict):
            values |= {name: float(value) for name, value in result.items()}
        else:
            values[metric.name] = float(result)
    return values


def results_of(metrics: Iterable[ColumnMetric], columns: Iterable[Any]) -> dict[str, float]:
    """Values by name of new metrics over batches of columns [B, K]."""
    metrics = list(metrics)
    for rows in columns:
        for metric in metrics:
            metric.update_state(None, rows)
    return results(metrics)
