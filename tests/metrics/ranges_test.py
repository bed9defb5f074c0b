"""Between which values a metric lies: for the metrics of all tasks, and the limits that their presets ask for."""

from __future__ import annotations

import math

import pytest
from tensorflow import keras

from perceiver_keras.metrics.ranges import ANY, CORRELATION, POSITIVE, SHARE, range_of
from perceiver_keras.tasks import registry

NAMES = [row.name for row in registry.ROWS]


def ranges(name: str) -> dict:
    task = registry.get(name)
    lower = task.measures.lower_is_better
    metrics = task.measures.column_metrics(task.presets["tiny"].config)
    return {metric.name: range_of(metric, metric.name in lower) for metric in metrics}


@pytest.mark.parametrize("name", NAMES)
def test_what_presets_ask_for_can_be_reached_and_missed(name: str) -> None:
    found, task = ranges(name), registry.get(name)
    for preset in task.presets.values():
        for metric, bound in preset.config.evaluate.thresholds.items():
            low, high = found[metric]
            assert low < bound < high, (metric, bound)


def test_shares_correlations_errors_and_what_has_no_bound() -> None:
    assert set(ranges("image_classification").items()) == {
        ("accuracy", SHARE),
        ("calibration_error", SHARE),
        ("cross_entropy", POSITIVE),
    }
    glue = ranges("glue")
    assert glue["mrpc_f1"] == glue["mrpc_accuracy"] == SHARE
    assert glue["cola_matthews"] == glue["stsb_spearman"] == glue["glue_average"] == CORRELATION
    clips = ranges("multimodal_autoencoding")
    assert (clips["video_psnr"], clips["accuracy"]) == (ANY, SHARE)
    assert ranges("optical_flow")["aepe"] == POSITIVE
    assert ranges("audio_classification")["mean_average_precision"] == SHARE


def test_of_a_metric_that_nobody_knows_nothing_is_said() -> None:
    assert range_of(keras.metrics.Mean(name="score")) == (-math.inf, math.inf)
