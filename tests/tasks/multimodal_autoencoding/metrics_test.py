"""The paper's loss, PSNR and accuracy, and the baseline, against NumPy."""

from __future__ import annotations

import numpy as np
import pytest
import tensorflow as tf

from perceiver_keras.metrics.results import results, results_of
from perceiver_keras.tasks.multimodal_autoencoding import data, metrics
from perceiver_keras.tasks.multimodal_autoencoding.presets import PRESETS, TINY
from tests.metrics.calibration_by_hand import calibration_error
from tests.tasks.multimodal_autoencoding.example import features

RNG = np.random.default_rng(0)
TARGETS = {
    "image": RNG.uniform(size=(2, 5, 3)).astype("f"),
    "audio": RNG.uniform(-1, 1, (2, 8)).astype("f"),
    "label": np.array([1, 3]),
}
OUTPUTS = {
    "image": RNG.uniform(size=(2, 5, 3)).astype("f"),
    "audio": RNG.uniform(-1, 1, (2, 8)).astype("f"),
    "label": RNG.normal(size=(2, 4)).astype("f"),
}
LOGITS = OUTPUTS["label"].astype(np.float64)


def psnr(name: str) -> np.ndarray:
    """dB [2], the peak being 1."""
    error = (TARGETS[name] - OUTPUTS[name]).astype(np.float64) ** 2
    return 10 * np.log10(1 / error.reshape(2, -1).mean(1))


def test_the_loss_is_the_paper_s():
    released = PRESETS["video_autoencoding"].config
    nats = np.log(np.exp(LOGITS).sum(1)) - LOGITS[np.arange(2), TARGETS["label"]]
    expected = (
        0.03 * np.abs(TARGETS["image"] - OUTPUTS["image"]).mean((1, 2))
        + np.abs(TARGETS["audio"] - OUTPUTS["audio"]).mean(1)
        + 1e-4 * nats
    )
    loss = metrics.loss(released)
    np.testing.assert_allclose(loss.call(TARGETS, OUTPUTS), expected, rtol=1e-5)
    again = metrics.ClipLoss.from_config(loss.get_config())
    np.testing.assert_array_equal(again.call(TARGETS, OUTPUTS), loss.call(TARGETS, OUTPUTS))


def test_columns_are_psnr_and_accuracy_of_each_example():
    found = metrics.columns(TARGETS, OUTPUTS).numpy()
    np.testing.assert_allclose(found[:, 0], psnr("image"), rtol=1e-5)
    np.testing.assert_allclose(found[:, 1], psnr("audio"), rtol=1e-5)
    assert list(found[:, 2]) == list((LOGITS.argmax(1) == TARGETS["label"]).astype(float))


def test_metrics_of_outputs_and_of_columns_are_means_over_examples():
    expected = {
        "video_psnr": psnr("image").mean(),
        "audio_psnr": psnr("audio").mean(),
        "accuracy": (LOGITS.argmax(1) == TARGETS["label"]).mean(),
    }
    of_outputs = metrics.metrics(TINY)
    for metric in of_outputs:
        metric.update_state(TARGETS, OUTPUTS)
    assert results(of_outputs) == pytest.approx(expected, rel=1e-5)
    columns = metrics.columns(TARGETS, OUTPUTS)
    sure = np.exp(LOGITS).max(1) / np.exp(LOGITS).sum(1)
    right = LOGITS.argmax(1) == TARGETS["label"]
    expected["calibration_error"] = calibration_error(sure, right)
    of_columns = results_of(metrics.column_metrics(TINY), [columns[:1], columns[1:]])
    assert of_columns == pytest.approx(expected, rel=1e-5)


def test_baseline_is_the_mean_picture_silence_and_the_commonest_label():
    batch = [data.prepare(features(), TINY, False, tf.constant([3, 4])) for _ in range(2)]
    inputs, targets = tf.nest.map_structure(lambda *parts: tf.stack(parts), *batch)
    found = metrics.baseline(tf.data.Dataset.from_tensors((inputs, targets)), TINY)
    assert found["video_psnr"] > 90 and found["accuracy"] == 1  # one clip is its own mean
    power = (targets["audio"].numpy().astype(np.float64)[0] ** 2).mean()
    assert found["audio_psnr"] == pytest.approx(-10 * np.log10(power), rel=1e-4)
