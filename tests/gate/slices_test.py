"""The parts of the test split that are judged by themselves: the user's, or the task's, and those of thresholds."""

from __future__ import annotations

import dataclasses

import pytest

from perceiver_keras.config import EvaluateConfig
from perceiver_keras.errors import UsageError
from perceiver_keras.gate.slices import check, slices_of, unsliced_labels
from perceiver_keras.tasks import registry
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


def test_columns_of_entities_have_the_names_that_the_task_knows() -> None:
    task = registry.get("starcraft_entities")
    config = task.presets["tiny"].config
    name = config.model.features[0]

    def with_slices(*slices):
        evaluate = dataclasses.replace(config.evaluate, slices=slices)
        return slices_of(task, dataclasses.replace(config, evaluate=evaluate))

    assert with_slices(f"entities/column_{name}:0.5") == (f"entities/column_{name}:0.5",)
    for wrong in ("0", f"{name}x"):
        with pytest.raises(UsageError, match="Did you mean 'entities/column_|Choose one of"):
            with_slices(f"entities/column_{wrong}:0.5")


def test_a_bound_is_held_against_the_task_s_metrics_and_classes() -> None:
    task = registry.get("image_classification")
    digits = [str(n) for n in range(10)]
    for key, words in (
        ("accuracy=7", "lies from 0 to 1"),
        ("accuracy@label=7", "accuracy@label=7=0.9"),
        ("accuracy@label=77=0.9", "no such slice 'label=77'"),
    ):
        wrong = task.configure(overrides=(f"evaluate.thresholds.{key}",))
        with pytest.raises(UsageError, match=words):
            check(task, wrong, digits)


@pytest.mark.parametrize("name", [row.name for row in registry.ROWS])
def test_what_presets_ask_for_is_one_of_their_metrics_values(name: str) -> None:
    task = registry.get(name)
    for preset in task.presets.values():
        check(task, preset.config)
        for key, bound in preset.config.evaluate.thresholds.items():
            assert bound not in (0.0, 1.0), key
