"""The user's tagged texts."""

from __future__ import annotations

import pytest

from perceiver_keras.data.store import source
from perceiver_keras.errors import UsageError
from perceiver_keras.tasks import own_data
from perceiver_keras.tasks.token_classification import TASK
from tests import own_folders


def test_tags_and_the_threshold_come_from_the_texts(tmp_path) -> None:
    config = TASK.configure()
    found = own_data.look(TASK, config, own_folders.tagged(tmp_path / "mine.conll"))
    mine = TASK.configure("tiny", [("mine", own_data.settings(TASK, config, found))])
    assert mine.model.tags == ("O", "B-LOC", "B-PER", "I-LOC")
    # Of "Anna lives in New York 7": 11 of some 24 bytes are in names.
    assert 0.4 < mine.evaluate.thresholds["accuracy"] < 0.7


def test_a_set_of_the_catalogue_is_refused(tmp_path) -> None:
    source.open_builder("perceiver_digits", str(tmp_path))
    config = TASK.configure(overrides=[f"data.data_dir={tmp_path}"])
    found = own_data.look(TASK, config, "perceiver_digits")
    with pytest.raises(UsageError, match="JSON Lines of tokens and tags"):
        own_data.settings(TASK, config, found)
