"""Metrics that Keras lacks. They read columns: one row of numbers per example, which can be added up anywhere."""

from perceiver_keras.metrics.average_precision import BinnedAveragePrecision
from perceiver_keras.metrics.columns import ColumnRatio

__all__ = ["BinnedAveragePrecision", "ColumnRatio"]
