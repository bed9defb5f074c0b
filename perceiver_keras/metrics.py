"""What Keras's metrics lack."""

from __future__ import annotations

from collections.abc import Iterable

from tensorflow import keras


def read_metrics(metrics: Iterable[keras.metrics.Metric]) -> dict[str, float]:
    """Values on the host, by name; a metric that gives several (a dict) has each under its own name."""
    values: dict[str, float] = {}
    for metric in metrics:
        result = metric.result()
        if isinstance(result, dict):
            values |= {name: float(value) for name, value in result.items()}
        else:
            values[metric.name] = float(result)
    return values
