"""The presets: stages that weights of the language model fit, and the classes of the embedded data."""

from __future__ import annotations

import pytest

from perceiver_keras.data.builders.perceiver_subjects import (
    perceiver_subjects_dataset_builder as subjects,
)
from perceiver_keras.tasks.language_mlm.presets import PRESETS as LANGUAGE
from perceiver_keras.tasks.text_classification.presets import PRESETS


@pytest.mark.parametrize(
    ("name", "language"),
    [("tiny", "tiny"), ("text_classification_bytes", "language_mlm_bytes")],
)
def test_weights_of_the_language_model_fit(name, language):
    ours, theirs = PRESETS[name].config.model, LANGUAGE[language].config.model
    for field in ("encode", "process", "decode", "vocabulary", "length", "channels", "query_dim"):
        assert getattr(ours, field) == getattr(theirs, field), field


def test_the_full_size_fine_tunes_from_the_released_model():
    assert PRESETS["text_classification_bytes"].config.train.init == "deepmind/language_mlm_bytes"


def test_there_is_an_output_per_class_of_the_embedded_data():
    for preset in PRESETS.values():
        assert preset.config.data.dataset == "perceiver_subjects"
        assert preset.config.model.num_classes == len(subjects.SUBJECTS)
        # Well above the commonest class's share, about 1 in 8.
        assert preset.config.evaluate.thresholds["accuracy"] > 2.5 / len(subjects.SUBJECTS)
