"""Losses and metrics over several outputs, in training and in files."""

from __future__ import annotations

import numpy as np
import pytest
from tensorflow import keras

from perceiver_keras.config_tree import override
from perceiver_keras.errors import PerceiverError
from perceiver_keras.metrics.results import results
from perceiver_keras.tasks import registry
from perceiver_keras.training.lamb import LAMB

COUNT = 7


@pytest.fixture(scope="module")
def battle():
    """(task, config, model, inputs, targets): several outputs and two targets, which the loss reads together."""
    task = registry.get("starcraft_entities")
    config = task.presets["tiny"].config
    m, rng = config.model, np.random.default_rng(0)
    entities = rng.normal(size=(COUNT, m.max_entities, len(m.features))).astype(np.float32)
    inputs = {"entities": entities, "mask": np.ones((COUNT, m.max_entities), np.int64)}
    targets = {
        "target": rng.integers(0, m.max_entities, COUNT),
        "won": rng.integers(0, 2, COUNT),
    }
    keras.utils.set_random_seed(2)
    return task, config, task.build(config).build_all(), inputs, targets


def test_keras_gives_the_loss_and_the_metrics_of_all_outputs_together(battle):
    task, config, model, inputs, targets = battle
    model.compile(loss=task.measures.loss(config), metrics=task.measures.metrics(config))
    found = model.evaluate(inputs, targets, batch_size=3, return_dict=True, verbose=0)
    outputs = {name: value.numpy() for name, value in model(inputs).items()}
    chosen = outputs["pointer"][np.arange(COUNT), targets["target"]]
    sign = 2.0 * targets["won"] - 1
    outcome = np.log1p(np.exp(-sign * outputs["winning"]))
    expected = config.train.winner_weight * outcome - np.log(chosen + 1e-9)
    # The test split has more of them, which training does without.
    metrics = [one for one in task.measures.column_metrics(config) if one.name in found]
    assert len(metrics) == len(task.measures.metrics(config))
    for metric in metrics:
        metric.update_state(None, task.measures.columns(targets, outputs))
    assert found == pytest.approx({"loss": expected.mean()} | results(metrics), rel=1e-5)


def test_weights_of_examples_reach_the_loss(battle):
    task, config, model, inputs, targets = battle
    model.compile(loss=task.measures.loss(config))
    weight = np.zeros(COUNT, np.float32)
    weight[4] = 2.0
    found = model.evaluate(inputs, targets, sample_weight=weight, batch_size=COUNT, verbose=0)
    each = task.measures.loss(config).call(targets, model(inputs))
    assert found == pytest.approx(2.0 * float(each[4]) / COUNT, rel=1e-5)


def test_keras_s_own_losses_are_assigned_as_usual(battle):
    _, _, model, inputs, targets = battle
    loss = {"winning": keras.losses.BinaryCrossentropy(from_logits=True)}
    model.compile(loss=loss, metrics={"winning": keras.metrics.BinaryAccuracy(threshold=0.0)})
    won = targets["won"].astype(np.float32)
    found = model.evaluate(inputs, {"winning": won}, return_dict=True, verbose=0)
    logits = model(inputs)["winning"].numpy()
    assert found["loss"] == pytest.approx(
        np.log1p(np.exp(-(2 * won - 1) * logits)).mean(), rel=1e-5
    )
    accuracy = next(value for name, value in found.items() if "accuracy" in name)
    assert accuracy == pytest.approx(((logits > 0) == (won > 0)).mean())


def _goes_on_as_saved(model, inputs, targets, file):
    """Trains, saves, loads: the loaded model measures the same, and its training goes on as the saved one's."""
    model.fit(inputs, targets, epochs=2, verbose=0)
    model.save(file)
    loaded = keras.models.load_model(file)
    found = [m.evaluate(inputs, targets, return_dict=True, verbose=0) for m in (loaded, model)]
    assert found[0] == pytest.approx(found[1], rel=1e-6) and len(found[0]) > 1
    assert int(loaded.optimizer.iterations) == int(model.optimizer.iterations) == 2
    for one in (loaded, model):
        one.fit(inputs, targets, epochs=2, shuffle=False, verbose=0)
    for one, other in zip(loaded.get_weights(), model.get_weights(), strict=True):
        np.testing.assert_allclose(one, other, rtol=0, atol=1e-5)


def test_a_keras_file_has_the_joint_loss_and_metrics_and_the_optimizer_s_state(battle, tmp_path):
    task, config, _, inputs, targets = battle
    model = task.build(config).build_all()
    schedule = keras.optimizers.schedules.CosineDecay(1e-3, 10)
    model.compile(
        keras.optimizers.Adam(schedule), task.measures.loss(config), task.measures.metrics(config)
    )
    _goes_on_as_saved(model, inputs, targets, tmp_path / "battle.keras")


def test_a_keras_file_has_the_metrics_of_mixed_pictures(tmp_path):
    task = registry.get("image_classification")
    config = override(task.presets["tiny"].config, "data.mixing=both", "model.num_classes=12")
    rng = np.random.default_rng(3)
    shares = rng.dirichlet(np.ones(12), COUNT).astype(np.float32)
    model = task.build(config).build_all()
    model.compile("adam", task.measures.loss(config), task.measures.metrics(config))
    pictures = rng.normal(size=(COUNT, 8, 8, 1)).astype(np.float32)
    _goes_on_as_saved(model, pictures, shares, tmp_path / "mixed.keras")


def test_a_metric_that_is_not_there_and_an_optimizer_without_state_are_named(battle, caplog):
    task, config, model, _, _ = battle
    model.compile(LAMB(), task.measures.loss(config), task.measures.metrics(config))
    kept = model.get_compile_config()
    model.compile_from_config(kept)
    assert "Keras keeps no state of LAMB in a file" in caplog.text
    kept["joint_metrics"][0]["columns"] = "tests.tasks.joint_model_test:nothing"
    with pytest.raises(PerceiverError, match="columns tests.tasks.joint_model_test:nothing makes"):
        model.compile_from_config(kept)
