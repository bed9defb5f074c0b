"""When training stops, with which weights it ends, and that a kill changes neither."""

from __future__ import annotations

import numpy as np
import pytest
import tensorflow as tf
from hypothesis import given
from hypothesis import strategies as st

from perceiver_keras.config import TrainConfig
from perceiver_keras.config_tree import override
from perceiver_keras.evaluate import evaluate
from perceiver_keras.training.early_stop import (
    BestWeights,
    evaluations_since_best,
    is_better,
    is_over,
)
from tests import tiny_training
from tests.tiny_training import CONFIG, TASK

# With a rate this large, the loss on unseen points soon rises again.
STOP = override(
    CONFIG, "train.early_stop=2", "train.evaluate_every=5", "train.steps=400", "train.ema_decay=0",
    "train.learning_rate=0.3", "train.schedule=constant",
)  # fmt: skip


def best_of(values, lower):
    best = None
    for step, value in enumerate(values):
        if is_better(value, best, "m", lower):
            best = {"step": step, "metric": "m", "value": value}
    return best


@given(st.lists(st.floats(allow_nan=True, width=32), min_size=1, max_size=20), st.booleans())
def test_the_best_is_the_first_extreme_and_never_nan(values, lower):
    best = best_of(values, lower)
    numbers = [v for v in values if v == v]
    if not numbers:
        assert best is None
    else:
        extreme = min(numbers) if lower else max(numbers)
        assert best["value"] == extreme and best["step"] == values.index(extreme)


def test_evaluations_are_counted_after_the_best():
    history = [{"step": s} | ({"val_loss": 1.0} if s % 10 == 0 else {}) for s in range(5, 50, 5)]
    best = {"step": 20, "metric": "loss", "value": 1.0}
    assert evaluations_since_best(history, best) == 2
    assert evaluations_since_best(history, None) == 4
    train = TrainConfig(steps=100, learning_rate=1.0)
    told = {"history": history, "best": best}
    assert not is_over(train, told)
    assert is_over(override(train, "early_stop=2"), told)
    assert not is_over(override(train, "early_stop=3"), told)


@pytest.fixture(scope="module")
def stopped(tmp_path_factory):
    folder = tmp_path_factory.mktemp("whole")
    return folder, tiny_training.train(override(STOP, "train.restore_best=true"), folder)


def test_it_stops_after_so_many_evaluations_without_a_better_one(stopped):
    _, trained = stopped
    rows = [row for row in trained.history if "val_accuracy" in row]
    assert trained.steps < STOP.train.steps and trained.steps == rows[-1]["step"]
    best = max(rows, key=lambda row: row["val_accuracy"])  # the gate's first metric
    assert trained.best["step"] == best["step"] == trained.steps - 10


def test_it_ends_with_the_best_weights(stopped):
    _, trained = stopped
    found = evaluate(TASK, STOP, trained.model, tiny_training.validation_batches())
    assert found["accuracy"] == pytest.approx(trained.best["value"], abs=1e-6)


def test_a_stopped_run_stays_stopped(stopped):
    folder, trained = stopped
    again = tiny_training.train(override(STOP, "train.restore_best=true"), folder)
    assert (again.steps, again.best) == (trained.steps, trained.best)
    for one, other in zip(trained.model.get_weights(), again.model.get_weights(), strict=True):
        np.testing.assert_array_equal(one, other)


def test_an_interrupted_run_stops_at_the_same_step_with_the_same_weights(stopped, tmp_path):
    _, trained = stopped
    config = override(STOP, "train.restore_best=true")
    part = trained.steps - 7  # after the best evaluation, before the last
    tiny_training.train(override(config, f"train.steps={part}", "train.early_stop=9"), tmp_path)
    again = tiny_training.train(config, tmp_path)
    assert again.resumed_from == part and again.best == trained.best
    for one, other in zip(trained.model.get_weights(), again.model.get_weights(), strict=True):
        np.testing.assert_array_equal(one, other)


def test_a_copy_is_exact_and_costs_nothing_unless_wanted():
    weight = tf.Variable([0.1, 0.2])
    best = BestWeights([weight, tf.Variable(3)], wanted=True)
    assert len(best.copies) == 1
    best.take()
    weight.assign([5.0, 6.0])
    best.put()
    np.testing.assert_array_equal(weight.numpy(), np.float32([0.1, 0.2]))
    assert BestWeights([weight], wanted=False).saved == {}
