"""What TFMA is asked to measure, and on which parts of the test split."""

from __future__ import annotations

import json
import logging

import pytest
import tensorflow_model_analysis as tfma

from perceiver_keras.config_tree import override
from perceiver_keras.errors import UsageError
from perceiver_keras.pipeline.eval_config import eval_config, slicing
from perceiver_keras.tasks import registry

TASK = registry.get("image_classification")
TINY = TASK.presets["tiny"].config
DIGITS = [str(digit) for digit in range(10)]


@pytest.mark.parametrize("name", registry.names())
def test_tfma_takes_the_configuration_of_every_task_and_judges_nothing(name) -> None:
    task = registry.get(name)
    config = task.preset("tiny").config
    checked = tfma.utils.update_eval_config_with_defaults(
        eval_config(task, config), has_baseline=True, rubber_stamp=True
    )
    tfma.utils.verify_eval_config(checked)
    assert {spec.is_baseline for spec in checked.model_specs} == {True, False}
    (spec,) = checked.metrics_specs
    names = [json.loads(m.config)["name"] for m in spec.metrics if m.class_name != "ExampleCount"]
    assert names == [metric.name for metric in task.measures.column_metrics(config)]
    assert not tfma.metrics.metric_thresholds_from_metrics_specs(
        checked.metrics_specs, eval_config=checked
    )


def test_the_split_is_cut_as_the_task_or_the_user_says_and_for_thresholds() -> None:
    assert slicing(TASK, TINY, DIGITS).slices == ("label",)
    assert slicing(TASK, TINY, DIGITS).names == DIGITS
    none = override(TINY, "evaluate.slices=[]")
    assert slicing(TASK, none).slices == ()
    mine = override(TINY, 'evaluate.slices=["image/mean:64"]')
    assert slicing(TASK, mine).slices == ("image/mean:64",)
    threshold = override(mine, "evaluate.thresholds.accuracy@label=7=0.9")
    assert slicing(TASK, threshold).slices == ("image/mean:64", "label")


def test_too_many_classes_are_cut_only_on_request_and_the_log_says_so(caplog) -> None:
    many = override(TINY, "model.num_classes=1000")
    with caplog.at_level(logging.WARNING):
        assert slicing(TASK, many).slices == ()
    assert "name label in evaluate.slices" in caplog.text
    caplog.clear()
    asked = override(many, 'evaluate.slices=["label"]')
    assert slicing(TASK, asked).slices == ("label",) and not caplog.text
    assert slicing(TASK, TINY).slices == ("label",) and not caplog.text


@pytest.mark.parametrize(
    "setting, message",
    [
        ("evaluate.thresholds={}", "thresholds is empty.*--set evaluate.thresholds.accuracy"),
        ("evaluate.thresholds.acuracy=0.9", "Did you mean 'accuracy'"),
        ("evaluate.thresholds.accuracy@label=seven=0.9", "no such slice 'label=seven'"),
        ("evaluate.thresholds.accuracy@lable=0.9", "Did you mean 'label'"),
        ('evaluate.slices=["lable"]', "evaluate.slices: 'lable' names nothing"),
    ],
)
def test_what_cannot_be_judged_is_refused(setting, message) -> None:
    with pytest.raises(UsageError, match=message):
        eval_config(TASK, override(TINY, setting), DIGITS)
