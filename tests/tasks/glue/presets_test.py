"""The presets: the rows of the paper's Table 2, ten epochs each, and stages that pretrained weights fit."""

from __future__ import annotations

import pytest

from perceiver_keras.data.builders.perceiver_glue.perceiver_glue_dataset_builder import Builder
from perceiver_keras.data.text.glue import EIGHT
from perceiver_keras.tasks.glue import TASK
from perceiver_keras.tasks.glue.data import check_dataset
from perceiver_keras.tasks.glue.presets import PRESETS, REAL, TRAIN
from perceiver_keras.tasks.language_mlm.presets import PRESETS as LANGUAGE


def test_presets_are_the_rows_of_the_paper():
    config = PRESETS["glue_multitask_query"].config
    assert config.train.steps == 10 * 949_101 // 64
    assert config.model.tasks == EIGHT
    for preset in PRESETS.values():
        check_dataset(None, preset.config)


@pytest.mark.parametrize("name", [name for name in PRESETS if name != "tiny"])
def test_ten_epochs_of_the_recipe_in_the_appendix(name):
    """App. F.4: batches and learning rates from the paper's search, and every example seen ten times."""
    config = PRESETS[name].config
    assert config.data.batch_size in (16, 32, 64)
    assert config.train.learning_rate in (1e-4, 5e-5, 2e-5, 1e-5)
    examples = sum(TRAIN[task] for task in config.model.tasks)
    assert 0 <= 10 * examples - config.train.steps * config.data.batch_size < config.data.batch_size


def test_another_set_of_glue_s_brings_its_length_and_the_user_s_settings_win():
    rte = ('model.tasks=["rte"]', "data.dataset=perceiver_glue/glue_rte:1.0.0")

    def steps(preset, *changes):
        return TASK.configure(preset, overrides=[*rte, *changes]).train.steps

    assert steps("glue_single_query") == 24_900 // 32
    assert steps("glue_single_token", "data.batch_size=16") == 24_900 // 16
    assert steps("glue_single_query", "data.batch_size=auto") == 24_900 // 32
    assert steps("glue_single_query", "train.steps=5") == 5
    assert steps("tiny") == PRESETS["tiny"].config.train.steps
    mine = TASK.configure("glue_single_query", overrides=["data.dataset=perceiver_glue/standin"])
    assert mine.train.steps == PRESETS["glue_single_query"].config.train.steps


def test_every_real_set_of_the_builder_is_known():
    real = {config.name: config.tasks for config in Builder.BUILDER_CONFIGS if config.real}
    trained = {name: tuple(t for t in tasks if t != "ax") for name, tasks in real.items()}
    assert {name.removeprefix("perceiver_glue/"): tasks for name, tasks in REAL.items()} == trained
    assert {task for tasks in REAL.values() for task in tasks} == TRAIN.keys()


@pytest.mark.parametrize(
    ("name", "language"),
    [(name, "tiny" if name == "tiny" else "language_mlm_bytes") for name in PRESETS],
)
def test_weights_of_the_language_model_fit(name, language):
    ours, theirs = PRESETS[name].config.model, LANGUAGE[language].config.model
    for field in ("encode", "process", "decode", "vocabulary", "length", "channels", "query_dim"):
        assert getattr(ours, field) == getattr(theirs, field), field
