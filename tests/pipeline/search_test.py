"""The search: all combinations with the same number of examples, the best one, and resuming after a kill."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace

import pytest

from perceiver_keras.config_tree import from_json, override, to_json
from perceiver_keras.errors import UsageError
from perceiver_keras.pipeline.search import GridSearch, apply, best_of
from perceiver_keras.tasks import registry

GRID = '{"data.batch_size": [16, 32, 64], "train.learning_rate": [1e-4, 5e-5]}'


def configuration(*more):
    config = registry.get("image_classification").preset("tiny").config
    return override(config, "data.batch_size=32", "train.steps=100", f"train.search={GRID}", *more)


def value_of(config):
    return 0.5 + config.data.batch_size / 1000 + config.train.learning_rate


def search(folder, fails_at=None):
    task, tried = registry.get("image_classification"), []

    def train(config, state_dir):
        Path(state_dir).mkdir(parents=True, exist_ok=True)
        tried.append((config.data.batch_size, config.train.learning_rate, config.train.steps))
        if len(tried) == fails_at:
            raise KeyboardInterrupt
        best = {"step": 1, "metric": "accuracy", "value": value_of(config)}
        return SimpleNamespace(best=best)

    tuner = GridSearch(task, configuration(), train, folder)
    try:
        tuner.search()
    except KeyboardInterrupt:
        return tried, None
    return tried, tuner.get_best_hyperparameters()[0].get_config()


def test_every_combination_sees_as_many_examples_and_the_best_wins(tmp_path):
    tried, best = search(tmp_path)
    assert sorted(tried) == sorted(
        (size, rate, 3200 // size) for size in (16, 32, 64) for rate in (1e-4, 5e-5)
    )
    chosen = best_of(configuration(), best)
    assert (chosen.data.batch_size, chosen.train.learning_rate) == (64, 1e-4)
    assert chosen.train.steps == 50
    assert best_of(configuration(), None) == configuration()


def test_a_search_that_was_killed_goes_on(tmp_path):
    first, _ = search(tmp_path, fails_at=4)
    rest, best = search(tmp_path)
    assert len(first) == 4
    assert sorted({*first, *rest}) == sorted(search(tmp_path / "other")[0])
    assert len(rest) == 3  # the one that was running, and those after it
    assert best["values"]["data.batch_size"] == 64


def test_wrong_names_and_values_are_errors_before_anything_is_trained(tmp_path):
    task = registry.get("image_classification")
    for grid, words in (
        ('{"train.learning_rat": [1]}', "Did you mean 'train.learning_rate'"),
        ('{"data.batch_size": [1.5]}', "expected int"),
    ):
        config = override(configuration(), f"train.search={grid}")
        with pytest.raises(UsageError, match=words):
            GridSearch(task, config, None, tmp_path)


def test_the_grid_is_part_of_the_configuration():
    config = configuration()
    assert from_json(type(config), to_json(config)) == config
    assert apply(config, {"train.learning_rate": 0.5}).train.steps == 100


def test_batch_sizes_are_compared_to_a_number():
    automatic = configuration("data.batch_size=auto")
    assert apply(automatic, {"train.learning_rate": 0.5}).train.steps == 100
    with pytest.raises(UsageError, match="set data.batch_size to a number, not to 'auto'"):
        apply(automatic, {"data.batch_size": 64})
