"""The presets: the rows of the paper's Table 2, ten epochs each, and stages that pretrained weights fit."""

from __future__ import annotations

import pytest

from perceiver_keras.data.text.glue import EIGHT
from perceiver_keras.tasks.glue.data import check_dataset
from perceiver_keras.tasks.glue.presets import PRESETS, TRAIN
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


@pytest.mark.parametrize(
    ("name", "language"),
    [(name, "tiny" if name == "tiny" else "language_mlm_bytes") for name in PRESETS],
)
def test_weights_of_the_language_model_fit(name, language):
    ours, theirs = PRESETS[name].config.model, LANGUAGE[language].config.model
    for field in ("encode", "process", "decode", "vocabulary", "length", "channels", "query_dim"):
        assert getattr(ours, field) == getattr(theirs, field), field
