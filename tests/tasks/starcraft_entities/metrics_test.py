"""Losses, accuracies and the baseline of targets and outcomes, by hand."""

from __future__ import annotations

import numpy as np
import pytest
import tensorflow as tf

from perceiver_keras.config_tree import override
from perceiver_keras.metrics.results import results, results_of
from perceiver_keras.tasks.starcraft_entities import metrics
from perceiver_keras.tasks.starcraft_entities.presets import TINY
from tests.metrics.calibration_by_hand import calibration_error

TARGETS = {"target": tf.constant([1, 0], tf.int64), "won": tf.constant([1, 0], tf.int64)}
OUTPUTS = {"pointer": tf.constant([[0.2, 0.8], [0.5, 0.5]]), "winning": tf.constant([2.0, 0.0])}


def test_the_loss_is_two_cross_entropies():
    target, outcome = -np.log([0.8, 0.5]), [np.log(1 + np.exp(-2)), -np.log(0.5)]
    for weight in (1.0, 0.25):
        loss = metrics.loss(override(TINY, f"train.winner_weight={weight}"))
        expected = target + weight * np.array(outcome)
        np.testing.assert_allclose(loss.call(TARGETS, OUTPUTS), expected, rtol=1e-5)
        again = metrics.BattleLoss.from_config(loss.get_config())
        np.testing.assert_allclose(again.call(TARGETS, OUTPUTS), expected, rtol=1e-5)


def test_metrics_of_outputs_and_of_columns_are_shares_of_examples():
    columns = metrics.columns(TARGETS, OUTPUTS)
    np.testing.assert_array_equal(columns[:, :3], [[1, 1, 1], [1, 1, 1]])
    targets = {"target": tf.constant([1, 1], tf.int64), "won": tf.constant([0, 1], tf.int64)}
    columns = metrics.columns(targets, OUTPUTS)
    np.testing.assert_array_equal(columns[:, :3], [[1, 0, 1], [0, 0, 1]])
    of_outputs = metrics.metrics(TINY)
    for metric in of_outputs:
        metric.update_state(TARGETS, OUTPUTS)
        metric.update_state(targets, OUTPUTS)
    both = [metrics.columns(TARGETS, OUTPUTS), columns]
    expected = {"target_accuracy": 0.75, "winner_accuracy": 0.5}
    assert results(of_outputs) == expected
    won = 1 / (1 + np.exp(-2))
    expected["target_calibration_error"] = calibration_error([0.8, 0.5] * 2, [1, 1, 1, 0])
    expected["winner_calibration_error"] = calibration_error([won, 0.5] * 2, [1, 1, 0, 0])
    of_columns = results_of(metrics.column_metrics(TINY), both)
    assert of_columns == pytest.approx(expected, abs=1e-6)


def test_baseline_guesses_among_the_enemies():
    entities = np.zeros((2, 10, 9), np.float32)
    entities[0, :4, 3] = 1
    entities[1, :2, 3] = 1
    inputs = {"entities": entities, "mask": np.ones((2, 10), np.int64)}
    targets = {"target": np.zeros(2, np.int64), "won": np.array([1, 1])}
    dataset = tf.data.Dataset.from_tensors((inputs, targets))
    found = metrics.baseline(dataset, TINY)
    assert found == {"target_accuracy": pytest.approx(3 / 8), "winner_accuracy": 1.0}
    unnamed = override(TINY, 'model.features=["a", "b", "c", "d", "e", "f", "g", "h", "i"]')
    found = metrics.baseline(dataset, unnamed)  # which entities are enemies is unknown
    assert found == {"target_accuracy": pytest.approx(1 / 10), "winner_accuracy": 1.0}
