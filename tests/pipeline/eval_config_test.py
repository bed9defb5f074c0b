"""The gate, checked through TFMA's own threshold code."""

import json

import pytest
import tensorflow_model_analysis as tfma

from perceiver_keras.config_tree import override
from perceiver_keras.errors import UsageError
from perceiver_keras.pipeline.eval_config import eval_config
from perceiver_keras.tasks import registry

TASK = registry.get("image_classification")
TINY = TASK.presets["tiny"].config


def thresholds(config):
    (spec,) = eval_config(TASK, config).metrics_specs
    gated = [metric for metric in spec.metrics if metric.HasField("threshold")]
    return {json.loads(metric.config)["name"]: metric.threshold for metric in gated}


def passes(threshold, value, last_blessed=None):
    """As TFMA decides: inside the bounds, and the change strictly beyond the slack."""
    bounds, change = threshold.value_threshold, threshold.change_threshold
    inside = (not bounds.HasField("lower_bound") or value >= bounds.lower_bound.value) and (
        not bounds.HasField("upper_bound") or value <= bounds.upper_bound.value
    )
    if last_blessed is None:
        return inside
    difference = value - last_blessed
    if change.direction == tfma.MetricDirection.HIGHER_IS_BETTER:
        return inside and difference > change.absolute.value
    return inside and difference < change.absolute.value


def test_at_the_threshold_and_equal_to_the_last_blessed_model_passes():
    accuracy = thresholds(override(TINY, "evaluate.thresholds.accuracy=0.9"))["accuracy"]
    assert passes(accuracy, 0.9) and passes(accuracy, 0.9, last_blessed=0.9)
    assert not passes(accuracy, 0.8999)
    assert not passes(accuracy, 0.95, last_blessed=0.951)


def test_lower_is_better_turns_both_bounds():
    loss = thresholds(override(TINY, "evaluate.thresholds.cross_entropy=0.5"))["cross_entropy"]
    assert passes(loss, 0.5) and passes(loss, 0.4, last_blessed=0.4)
    assert not passes(loss, 0.51)
    assert not passes(loss, 0.4, last_blessed=0.39)


def test_allowed_drop_is_the_slack_against_the_last_blessed_model():
    config = override(TINY, "evaluate.allowed_drop=0.02", "evaluate.thresholds.accuracy=0.5")
    accuracy = thresholds(config)["accuracy"]
    assert passes(accuracy, 0.89, last_blessed=0.9)
    assert not passes(accuracy, 0.87, last_blessed=0.9)


def test_tfma_takes_the_configuration():
    checked = tfma.utils.update_eval_config_with_defaults(
        eval_config(TASK, TINY), has_baseline=True, rubber_stamp=True
    )
    tfma.utils.verify_eval_config(checked)
    assert {spec.is_baseline for spec in checked.model_specs} == {True, False}
    assert tfma.metrics.metric_thresholds_from_metrics_specs(
        checked.metrics_specs, eval_config=checked
    )


def test_an_empty_or_unknown_threshold_is_refused():
    with pytest.raises(UsageError, match="thresholds is empty.*--set evaluate.thresholds.accuracy"):
        eval_config(TASK, override(TINY, "evaluate.thresholds={}"))
    with pytest.raises(UsageError, match="Did you mean 'accuracy'"):
        eval_config(TASK, override(TINY, "evaluate.thresholds.acuracy=0.9"))
