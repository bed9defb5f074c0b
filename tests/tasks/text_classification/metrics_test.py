"""Metrics of classes; squared error, correlation and mean error of numbers, against NumPy and SciPy."""

from __future__ import annotations

import numpy as np
import pytest
import scipy.stats
import tensorflow as tf
from tensorflow import keras

from perceiver_keras.config_tree import override
from perceiver_keras.metrics.results import results, results_of
from perceiver_keras.tasks.text_classification import metrics
from tests.tasks.text_classification.small import CONFIG, NUMBERS

RNG = np.random.default_rng(0)
LABELS = np.float32(RNG.normal(-200, 40, 50))  # far below zero, where GLUE's metrics count nothing
SAID = np.float32(LABELS + RNG.normal(3, 20, 50))[:, None]


def test_the_loss_of_numbers_is_in_units_of_their_spread():
    loss = metrics.loss(NUMBERS)
    expected = np.mean(((SAID[:, 0] - LABELS) / 50) ** 2)
    assert float(loss(LABELS, SAID)) == pytest.approx(expected, rel=1e-5)
    assert float(loss(LABELS[:, None], SAID)) == pytest.approx(expected, rel=1e-5)
    again = keras.losses.deserialize(keras.losses.serialize(loss))
    assert again.scale == 50


def test_metrics_of_numbers_in_batches_and_over_columns():
    made = metrics.metrics(NUMBERS)
    for start in range(0, 50, 17):
        part = slice(start, start + 17)
        for metric in made:
            metric.update_state(tf.constant(LABELS[part]), tf.constant(SAID[part]))
    error = SAID[:, 0] - LABELS
    expected = {
        "pearson": scipy.stats.pearsonr(LABELS, SAID[:, 0])[0],
        "mean_absolute_error": np.abs(error).mean(),
        "mean_squared_error": (error**2).mean(),
    }
    assert results(made) == pytest.approx(expected, rel=1e-4)
    rows = metrics.columns(tf.constant(LABELS), tf.constant(SAID))
    assert results_of(metrics.column_metrics(NUMBERS), [rows]) == pytest.approx(expected, rel=1e-4)


def test_the_trivial_guesses():
    targets = tf.constant([0, 2, 2, 1, 2], tf.int64)
    found = metrics.baseline(tf.data.Dataset.from_tensors(({}, targets)), CONFIG)
    assert found == {"accuracy": pytest.approx(0.6)}
    found = metrics.baseline(tf.data.Dataset.from_tensors(({}, tf.constant(LABELS))), NUMBERS)
    away = np.abs(LABELS - LABELS.mean()).mean()
    assert found["mean_absolute_error"] == pytest.approx(away, rel=1e-4)
    assert found["mean_squared_error"] == pytest.approx(LABELS.var(), rel=1e-4)
    assert found["pearson"] == 0


def test_many_classes_have_the_five_likeliest_too():
    names = [metric.name for metric in metrics.metrics(CONFIG)]
    many = [metric.name for metric in metrics.metrics(override(CONFIG, "model.num_classes=11"))]
    assert (names, many) == (["accuracy"], ["accuracy", "top_5_accuracy"])
    logits = tf.one_hot([3, 4, 5], 11)
    rows = metrics.columns(tf.constant([3, 4, 0]), logits)
    np.testing.assert_allclose(rows, tf.nn.softmax(logits))
