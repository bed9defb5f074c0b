"""The parts of the test split that are judged by themselves: the user's, or the task's, and those of thresholds."""

from __future__ import annotations

import dataclasses

import pytest

from perceiver_keras.config import EvaluateConfig
from perceiver_keras.errors import UsageError
from perceiver_keras.gate.slices import check, slices_of, unsliced_labels
from tests import tiny_task as tiny


def config(**evaluate):
    return dataclasses.replace(tiny.CONFIG, evaluate=EvaluateConfig(**evaluate))


@pytest.mark.parametrize(
    "settings, expected",
    [
        ({}, ("label",)),
        ({"slices": ()}, ()),
        ({"slices": ("image/format",)}, ("image/format",)),
        ({"slices": (), "thresholds": {"m@label=red": 0.5}}, ("label",)),
        ({"thresholds": {"m@image/mean=..7": 0.5}}, ("label", "image/mean:7")),
    ],
)
def test_the_user_s_slices_or_the_task_s_and_those_of_thresholds(settings, expected) -> None:
    assert slices_of(tiny.TASK, config(**settings)) == expected


def test_labels_that_nobody_asked_for_and_the_task_leaves_out_are_told() -> None:
    many = tiny.with_fields("measures", slices=lambda config: ("image/format",))
    assert unsliced_labels(many, config()) == ["label"]
    assert unsliced_labels(many, config(slices=())) == []
    assert unsliced_labels(many, config(thresholds={"m@label": 0.5})) == []
    assert unsliced_labels(tiny.TASK, config()) == []


def test_a_threshold_for_a_metric_or_slice_that_there_is_not_is_refused() -> None:
    with pytest.raises(UsageError, match="thresholds.accuracy: no such metric"):
        check(tiny.TASK, config(thresholds={"accuracy": 0.5}))
    with pytest.raises(UsageError, match=r"evaluate.slices: 'lable' .*Did you mean 'label'"):
        check(tiny.TASK, config(slices=("lable",)))
    check(tiny.TASK, config())
