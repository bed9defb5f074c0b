"""What may differ between a run and its continuation."""

from __future__ import annotations

import pytest

from perceiver_keras.config_tree import override
from perceiver_keras.training.run_settings import run_settings
from tests.tiny_training import CONFIG, TASK

KNOWN = run_settings(TASK, CONFIG)


@pytest.mark.parametrize(
    "free",
    ["train.steps=99", "train.strategy=mirrored", "data.data_dir=/there", "evaluate.batch_size=3"],
)
def test_what_does_not_change_a_step_is_free(free):
    assert run_settings(TASK, override(CONFIG, free)) == KNOWN


@pytest.mark.parametrize(
    "bound", ["train.learning_rate=0.5", "data.batch_size=8", "train.freeze=encoder"]
)
def test_what_changes_a_step_is_not(bound):
    assert run_settings(TASK, override(CONFIG, bound)) != KNOWN


def test_a_setting_that_older_runs_lack_counts_only_if_it_is_used():
    assert "train.freeze" not in KNOWN and KNOWN["task"] == "points"


def test_the_number_of_workers_decides_who_reads_what():
    assert run_settings(TASK, CONFIG, 1) == KNOWN
    assert run_settings(TASK, CONFIG, 2) == KNOWN | {"workers": 2}
