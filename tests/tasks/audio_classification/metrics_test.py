"""The loss, the mean average precision and its baseline, against NumPy and scikit-learn."""

from __future__ import annotations

import numpy as np
import pytest
import tensorflow as tf
from sklearn.metrics import average_precision_score

from perceiver_keras.config_tree import override
from perceiver_keras.metrics.results import results, results_of
from perceiver_keras.tasks.audio_classification import metrics
from perceiver_keras.tasks.audio_classification.presets import TINY
from tests.metrics.calibration_by_hand import calibration_error

THREE = override(TINY, "model.num_classes=3", "train.label_smoothing=0.2")
RNG = np.random.default_rng(0)
TRUTHS = (RNG.uniform(size=(60, 3)) < 0.3).astype(np.float32)
LOGITS = (RNG.integers(-300, 300, (60, 3)) / 128).astype(np.float32)  # exact in the metric's bins


def test_the_loss_is_each_label_s_own_cross_entropy():
    wanted = TRUTHS.astype(np.float64) * 0.8 + 0.1
    chance = 1 / (1 + np.exp(-LOGITS.astype(np.float64)))
    expected = -(wanted * np.log(chance) + (1 - wanted) * np.log(1 - chance)).mean(-1)
    np.testing.assert_allclose(metrics.loss(THREE).call(TRUTHS, LOGITS), expected, rtol=1e-5)


def test_map_of_outputs_and_of_columns_is_scikit_learn_s():
    expected = {"mean_average_precision": average_precision_score(TRUTHS, LOGITS, average="macro")}
    of_outputs = metrics.metrics(THREE)
    for part in np.split(np.arange(60), 3):
        of_outputs[0].update_state(TRUTHS[part], LOGITS[part])
    assert results(of_outputs) == pytest.approx(expected, abs=1e-6)
    columns = metrics.columns(tf.constant(TRUTHS), tf.constant(LOGITS))
    found = results_of(metrics.column_metrics(THREE), [columns])
    chance = 1 / (1 + np.exp(-LOGITS))
    errors = [calibration_error(chance[:, i], TRUTHS[:, i]) for i in range(3)]
    expected["calibration_error"] = np.mean(errors)
    assert found == pytest.approx(expected, abs=1e-6)


def test_baseline_is_the_mean_share():
    targets = tf.constant([[1, 0, 0], [1, 1, 0]], tf.float32)
    found = metrics.baseline(tf.data.Dataset.from_tensors(({}, targets)), THREE)
    assert found == {"mean_average_precision": pytest.approx(0.75)}
