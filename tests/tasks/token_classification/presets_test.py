"""The presets: stages that weights of the language model fit, and the tags of the embedded data."""

from __future__ import annotations

import pytest

from perceiver_keras.data.builders.perceiver_python_tokens import (
    perceiver_python_tokens_dataset_builder as tokens,
)
from perceiver_keras.tasks.language_mlm.presets import PRESETS as LANGUAGE
from perceiver_keras.tasks.token_classification.presets import PRESETS


@pytest.mark.parametrize(
    ("name", "language"),
    [("tiny", "tiny"), ("token_classification_bytes", "language_mlm_bytes")],
)
def test_weights_of_the_language_model_fit(name, language):
    ours, theirs = PRESETS[name].config.model, LANGUAGE[language].config.model
    for field in ("encode", "process", "decode", "vocabulary", "length", "channels", "query_dim"):
        assert getattr(ours, field) == getattr(theirs, field), field


def test_tags_are_those_of_the_data_in_its_order():
    """The data set stores numbers only."""
    for preset in PRESETS.values():
        assert preset.config.data.dataset == "perceiver_python_tokens"
        assert preset.config.model.tags == tokens.TAGS
