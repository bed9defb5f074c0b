"""Evaluation and losses against plain NumPy."""

from __future__ import annotations

import numpy as np
import pytest
import tensorflow as tf

from perceiver_keras.config import override
from perceiver_keras.errors import PerceiverError
from perceiver_keras.evaluate import Evaluator, evaluate
from perceiver_keras.loss import SparseCrossEntropy, mean_loss
from perceiver_keras.metrics import read_metrics
from tests.training import CONFIG, TASK, points, validation_batches


def log_softmax(logits: np.ndarray) -> np.ndarray:
    logits = logits.astype(np.float64)
    return logits - np.log(np.exp(logits).sum(-1, keepdims=True))


def test_each_example_counts_once_whatever_the_batches():
    model = TASK.build(CONFIG)
    inputs, labels = points(50)  # batches of 16, 16, 16 and 2
    figures = evaluate(TASK, CONFIG, model, validation_batches(50))
    logits = model(inputs, training=False).numpy()
    want = -log_softmax(logits)[np.arange(50), labels].mean()
    assert figures.keys() == {"loss", "accuracy"}
    assert figures["loss"] == pytest.approx(want, rel=1e-5)
    assert figures["accuracy"] == pytest.approx((logits.argmax(-1) == labels).mean())


def test_a_second_evaluation_starts_from_zero_and_sees_new_weights():
    model = TASK.build(CONFIG)
    evaluator = Evaluator(TASK, CONFIG, model)
    first = evaluator(validation_batches())
    assert evaluator(validation_batches()) == first
    model.contract.kernel.assign(-model.contract.kernel)
    assert evaluator(validation_batches())["loss"] != first["loss"]


def test_nothing_to_evaluate_on_is_an_error_in_words():
    with pytest.raises(PerceiverError, match="no example to evaluate on"):
        evaluate(TASK, CONFIG, TASK.build(CONFIG), validation_batches().take(0))


@pytest.mark.parametrize("smoothing", [0.0, 0.1, 0.9])
def test_sparse_cross_entropy_is_that_of_smoothed_one_hot_targets(smoothing):
    generator = np.random.default_rng(0)
    logits = (generator.normal(size=(4, 5, 7)) * 30).astype(np.float32)
    labels = generator.integers(0, 7, size=(4, 5))
    targets = (1 - smoothing) * np.eye(7)[labels] + smoothing / 7
    want = -(targets * log_softmax(logits)).sum(-1)
    loss = SparseCrossEntropy(smoothing)
    np.testing.assert_allclose(loss.call(labels, logits), want, rtol=1e-5, atol=1e-5)
    assert float(loss(labels, logits)) == pytest.approx(want.mean(), rel=1e-5)
    assert float(mean_loss(loss, labels, logits)) == pytest.approx(want.mean(), rel=1e-5)
    one_hot = tf.keras.losses.CategoricalCrossentropy(from_logits=True, label_smoothing=smoothing)
    assert float(loss(labels, logits)) == pytest.approx(
        float(one_hot(np.eye(7)[labels], logits)), rel=1e-4
    )


def test_sparse_cross_entropy_is_serializable_and_checks_its_argument():
    config = tf.keras.losses.serialize(SparseCrossEntropy(0.2))
    again = tf.keras.losses.deserialize(config)
    assert isinstance(again, SparseCrossEntropy) and again.label_smoothing == 0.2
    with pytest.raises(ValueError, match="label_smoothing"):
        SparseCrossEntropy(1.0)


def test_a_loss_in_bfloat16_is_computed_in_float32():
    logits = tf.cast([[100.0, 1.0]], tf.bfloat16)
    assert SparseCrossEntropy(0.1).call([0], logits).dtype == tf.float32


def test_the_tasks_smoothing_reaches_the_loss():
    config = override(CONFIG, "train.label_smoothing=0.3")
    model = TASK.build(config)
    plain, smooth = (evaluate(TASK, c, model, validation_batches()) for c in (CONFIG, config))
    assert plain["loss"] != smooth["loss"] and plain["accuracy"] == smooth["accuracy"]


def test_a_metric_of_several_values_gives_each_its_name():
    class Sizes(tf.keras.metrics.Mean):
        def result(self):
            return {"small": super().result(), "large": 10 * super().result()}

    sizes = Sizes(name="sizes")
    sizes.update_state([1.0, 3.0])
    assert read_metrics([sizes]) == {"small": 2.0, "large": 20.0}
