"""The expected calibration error against NumPy and closed forms, in parts, and in TFMA."""

from __future__ import annotations

import numpy as np
import pytest
import tensorflow as tf
from hypothesis import given, settings
from hypothesis import strategies as st
from tensorflow import keras

from perceiver_keras.metrics import calibration
from perceiver_keras.metrics.calibration import (
    BINS,
    COLUMNS,
    Bin,
    CalibrationError,
    ColumnCalibrationError,
    LabelwiseCalibrationError,
    reliability,
)
from tests.metrics.calibration_by_hand import calibration_error

RANDOM = np.random.default_rng(0)


def softmax(logits: np.ndarray) -> np.ndarray:
    return tf.nn.softmax(logits).numpy()


def test_it_is_the_formula_of_the_likeliest_class() -> None:
    probabilities = softmax(RANDOM.normal(0, 2, (500, 4)).astype(np.float32))
    labels = RANDOM.integers(0, 4, 500)
    metric = CalibrationError()
    for part in np.array_split(np.arange(500), 7):
        metric.update_state(labels[part, None], probabilities[part])  # TFMA's labels are [B, 1]
    expected = calibration_error(probabilities.max(1), probabilities.argmax(1) == labels)
    assert float(metric.result()) == pytest.approx(expected, abs=1e-6)
    metric.reset_state()
    assert np.isnan(metric.result())


@pytest.mark.parametrize("share, said, expected", [(0.9, 0.6, 0.3), (0.5, 0.5, 0.0), (0, 1, 1.0)])
def test_it_is_the_distance_of_what_was_said_from_the_share_that_was_right(
    share, said, expected
) -> None:
    count = 40
    right = np.arange(count) < share * count
    rows = calibration.columns(tf.fill([count], said), tf.constant(right))
    assert float(calibration.error(tf.reduce_sum(rows, 0))) == pytest.approx(expected, abs=1e-6)


def test_a_model_whose_probabilities_are_true_has_none_but_chance() -> None:
    probabilities = RANDOM.dirichlet([1, 1, 1], 40_000).astype(np.float32)
    labels = (RANDOM.random((40_000, 1)) > probabilities.cumsum(1)).sum(1)
    metric = CalibrationError()
    metric.update_state(labels, probabilities)
    assert float(metric.result()) < 0.01
    sharper = probabilities**3 / (probabilities**3).sum(1, keepdims=True)
    metric.reset_state()
    metric.update_state(labels, sharper)
    assert float(metric.result()) > 0.1


@settings(max_examples=25)
@given(
    st.lists(
        st.tuples(st.floats(0, 1, width=32), st.booleans(), st.booleans()), min_size=1, max_size=30
    )
)
def test_columns_add_up_to_the_formula_whatever_is_left_out(answers) -> None:
    confidence, right, counts = map(np.array, zip(*answers, strict=True))
    confidence = confidence.astype(np.float32)
    rows = calibration.columns(
        *(tf.constant(x[None]) for x in (confidence, right, counts))
    )  # one example with all the answers
    metric = ColumnCalibrationError(2)
    metric.update_state(None, tf.concat([[[7.0, 7.0]], rows], 1))
    assert metric.counted == counts.any()
    if counts.any():
        expected = calibration_error(confidence[counts], right[counts])
        assert float(metric.result()) == pytest.approx(expected, abs=1e-5)
    else:
        assert np.isnan(metric.result())


def test_logits_and_probabilities_give_the_same_columns() -> None:
    logits = RANDOM.normal(0, 3, (5, 6, 4)).astype(np.float32)
    labels = RANDOM.integers(-1, 4, (5, 6))
    of_logits = calibration.of_logits(logits, labels, labels >= 0)
    of_classes = calibration.of_classes(softmax(logits), labels, labels >= 0)
    np.testing.assert_allclose(of_logits, of_classes, atol=1e-5)
    assert of_logits.shape == (5, COLUMNS)
    assert tf.reduce_sum(of_logits[:, -BINS:]) == (labels >= 0).sum()


def test_logits_that_are_left_out_do_not_matter() -> None:
    logits = tf.constant([[1.0, 2.0, -np.inf]])
    two = calibration.of_logits(logits[:, :2], tf.constant([1]))
    np.testing.assert_allclose(calibration.of_logits(logits, tf.constant([1.0])), two)


def test_a_probability_that_is_not_a_number_is_not_counted() -> None:
    rows = calibration.columns(tf.constant([np.nan, 0.5]), tf.constant([True, True]))
    assert np.isfinite(rows).all() and rows[:, -BINS:].numpy().sum() == 1


def test_of_several_labels_it_is_the_mean_over_labels() -> None:
    logits = RANDOM.normal(0, 2, (300, 3)).astype(np.float32)
    truths = RANDOM.integers(0, 2, (300, 3)).astype(np.float32)
    metric = LabelwiseCalibrationError(3)
    for part in np.array_split(np.arange(300), 4):
        metric.update_state(None, np.concatenate([logits[part], truths[part]], 1))
    probabilities = tf.sigmoid(logits).numpy()
    expected = [calibration_error(probabilities[:, i], truths[:, i]) for i in range(3)]
    assert float(metric.result()) == pytest.approx(np.mean(expected), abs=1e-6)
    assert sum(one.count for one in reliability(metric.sums)) == 900


def test_an_older_model_s_columns_give_no_value() -> None:
    metric = ColumnCalibrationError(4)
    metric.update_state(None, tf.ones([3, 4]))
    assert not metric.counted and np.isnan(metric.result())


def test_the_bars_are_the_bins_from_the_left() -> None:
    rows = calibration.columns(tf.constant([0.0, 0.5, 0.52, 1.0]), tf.constant([0, 1, 0, 1]))
    bars = reliability(rows)
    assert len(bars) == BINS
    assert bars[0] == Bin(0.0, 0.0, 1) and bars[-1] == Bin(1.0, 1.0, 1)
    assert bars[7] == Bin(pytest.approx(0.51), 0.5, 2)
    assert bars[1] == Bin(None, None, 0)


@pytest.mark.parametrize(
    "metric",
    [CalibrationError("a"), ColumnCalibrationError(4, "b"), LabelwiseCalibrationError(3, "c")],
)
def test_they_are_saved_under_registered_names_with_one_array_of_state(metric) -> None:
    again = keras.saving.deserialize_keras_object(keras.saving.serialize_keras_object(metric))
    assert type(again) is type(metric) and again.get_config() == metric.get_config()
    assert len(metric.get_weights()) == 1
