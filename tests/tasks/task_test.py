"""How a configuration comes about: a preset, then trees of settings, then overrides, then the seed."""

from __future__ import annotations

import dataclasses

import pytest

from perceiver_keras.errors import UsageError
from perceiver_keras.tasks import registry


@pytest.fixture(scope="module")
def task():
    return registry.get("image_classification")


def test_the_last_setting_wins(task):
    layers = [
        ("first.json", {"train": {"steps": 11, "seed": 3, "learning_rate": 0.5}}),
        ("second.json", {"train": {"steps": 12, "seed": 4}, "data": {"augment": "none"}}),
    ]
    config = task.configure(layers=layers, overrides=["train.steps=13", "train.log-every=9"])
    tiny = task.preset("tiny").config
    assert (config.train.steps, config.train.seed, config.train.learning_rate) == (13, 4, 0.5)
    assert config.train.log_every == 9 and config.data.augment == "none"
    assert config.model == tiny.model and config.evaluate == tiny.evaluate
    assert task.configure(layers=layers, seed=5).train.seed == 5
    assert task.configure(overrides=["train.seed=7"]).train.seed == 7
    assert task.configure(seed=0, overrides=["train.seed=7"]).train.seed == 0
    assert task.configure() == tiny


def test_an_error_says_where_the_setting_stands(task):
    with pytest.raises(UsageError, match=r"mine.json: .*'train.stepz'. Did you mean 'train.steps'"):
        task.configure(layers=[("mine.json", {"train": {"stepz": 1}})])
    with pytest.raises(UsageError, match="^Unknown configuration key 'train.stepz'"):
        task.configure(overrides=["train.stepz=1"])
    with pytest.raises(UsageError, match="image_classification has no preset 'tinny'"):
        task.configure("tinny")


def test_all_presets_have_the_task_s_own_type_of_configuration(task):
    assert {type(preset.config) for preset in task.presets.values()} == {task.config_class}
    assert task.config_class is not registry.get("optical_flow").config_class


def test_what_another_data_set_determines_comes_before_the_user_s_settings(task):
    def settings_of(config):
        assert config.data.dataset == "mnist" and config.train.steps == 7
        return {"model": {"num_classes": 5}, "train": {"steps": 8}, "data": {"batch_size": 3}}

    found = dataclasses.replace(
        task, examples=dataclasses.replace(task.examples, settings_of=settings_of)
    )
    layers = [("mine.json", {"data": {"dataset": "mnist", "batch_size": 4}})]
    config = found.configure(layers=layers, overrides=["train.steps=7"], seed=2)
    assert (config.model.num_classes, config.data.batch_size, config.train.steps) == (5, 4, 7)
    assert config.train.seed == 2
    assert found.configure(overrides=["train.steps=7"]).model.num_classes == 10  # the preset's data
