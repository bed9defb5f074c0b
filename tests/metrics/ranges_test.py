"""Between which values a metric can lie; tests/gate/slices_test.py holds the limits of all presets against it."""

from __future__ import annotations

import math

import pytest
from tensorflow import keras

from perceiver_keras.metrics.agreement import Agreement, Statistic
from perceiver_keras.metrics.average_precision import BinnedAveragePrecision
from perceiver_keras.metrics.calibration import CalibrationError, ColumnCalibrationError
from perceiver_keras.metrics.columns import ColumnRatio
from perceiver_keras.metrics.ranges import ANY, CORRELATION, POSITIVE, SHARE, range_of


@pytest.mark.parametrize(
    ("metric", "expected"),
    [
        (keras.metrics.SparseCategoricalAccuracy(name="m"), SHARE),
        (keras.metrics.SparseTopKCategoricalAccuracy(k=5, name="m"), SHARE),
        (BinnedAveragePrecision(3), SHARE),
        (CalibrationError(), SHARE),
        (ColumnCalibrationError(4), SHARE),
        (ColumnRatio(0, 1, "winner_accuracy"), SHARE),
        (ColumnRatio(0, 1, "video_psnr"), ANY),
        (Agreement([Statistic(kind="accuracy"), Statistic(kind="f1")], "m"), SHARE),
        (Agreement([Statistic(kind="accuracy"), Statistic(kind="pearson")], "m"), CORRELATION),
        (Agreement([Statistic(kind="matthews")], "m"), CORRELATION),
    ],
)
def test_shares_and_correlations_have_two_ends(metric, expected) -> None:
    assert range_of(metric) == expected


def test_errors_are_never_negative_and_of_others_nothing_is_said() -> None:
    assert range_of(ColumnRatio(0, 1, "aepe"), lower_is_better=True) == POSITIVE
    assert range_of(CalibrationError(), lower_is_better=True) == SHARE
    assert range_of(keras.metrics.Mean(name="score")) == (-math.inf, math.inf)
