"""Between which values a metric can lie, so that a threshold that no model could reach, or any, is seen at once."""

from __future__ import annotations

import math

from tensorflow import keras

from perceiver_keras.metrics.agreement import Agreement
from perceiver_keras.metrics.average_precision import BinnedAveragePrecision
from perceiver_keras.metrics.calibration import (
    CalibrationError,
    ColumnCalibrationError,
    LabelwiseCalibrationError,
)

Range = tuple[float, float]

ANY: Range = (-math.inf, math.inf)
SHARE: Range = (0.0, 1.0)
CORRELATION: Range = (-1.0, 1.0)
POSITIVE: Range = (0.0, math.inf)

_SHARES = (
    BinnedAveragePrecision,
    CalibrationError,
    ColumnCalibrationError,
    LabelwiseCalibrationError,
    keras.metrics.SparseCategoricalAccuracy,
    keras.metrics.SparseTopKCategoricalAccuracy,
)
_CORRELATIONS = ("matthews", "pearson", "spearman")


def range_of(metric: keras.metrics.Metric, lower_is_better: bool = False) -> Range:
    """(the least, the greatest) value; infinite where it has no bound, or none is known.

    Args:
      metric: Any Keras metric, a task's own among them.
      lower_is_better: Whether it is an error: errors are never negative.
    """
    if isinstance(metric, Agreement):
        return CORRELATION if any(s.kind in _CORRELATIONS for s in metric.statistics) else SHARE
    # A ratio of two columns does not know what they count; what is called an accuracy is one.
    if isinstance(metric, _SHARES) or metric.name.endswith("accuracy"):
        return SHARE
    return POSITIVE if lower_is_better else ANY
