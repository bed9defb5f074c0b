"""Evaluation against plain NumPy."""

from __future__ import annotations

import numpy as np
import pytest
import tensorflow as tf

from perceiver_keras.config_tree import override
from perceiver_keras.errors import PerceiverError
from perceiver_keras.evaluate import Evaluator, evaluate
from tests.tiny_training import CONFIG, TASK, points, validation_batches


def log_softmax(logits: np.ndarray) -> np.ndarray:
    logits = logits.astype(np.float64)
    return logits - np.log(np.exp(logits).sum(-1, keepdims=True))


def test_each_example_counts_once_whatever_the_batches():
    model = TASK.build(CONFIG)
    inputs, labels = points(50)  # batches of 16, 16, 16 and 2
    values = evaluate(TASK, CONFIG, model, validation_batches(50))
    logits = model(inputs, training=False).numpy()
    want = -log_softmax(logits)[np.arange(50), labels].mean()
    assert values.keys() == {"loss", "accuracy"}
    assert values["loss"] == pytest.approx(want, rel=1e-5)
    assert values["accuracy"] == pytest.approx((logits.argmax(-1) == labels).mean())


def test_a_second_evaluation_starts_from_zero_and_sees_new_weights():
    model = TASK.build(CONFIG)
    evaluator = Evaluator(TASK, CONFIG, model)
    first = evaluator(validation_batches())
    assert evaluator(validation_batches()) == first
    model.contract.kernel.assign(-model.contract.kernel)
    assert evaluator(validation_batches())["loss"] != first["loss"]


def test_nothing_to_evaluate_on_is_a_readable_error():
    with pytest.raises(PerceiverError, match="no example to evaluate on"):
        evaluate(TASK, CONFIG, TASK.build(CONFIG), validation_batches().take(0))


def test_the_tasks_smoothing_reaches_the_loss():
    config = override(CONFIG, "train.label_smoothing=0.3")
    model = TASK.build(config)
    plain, smooth = (evaluate(TASK, c, model, validation_batches()) for c in (CONFIG, config))
    assert plain["loss"] != smooth["loss"] and plain["accuracy"] == smooth["accuracy"]


class Hungry(tf.keras.Model):
    """Asks for far more memory than there is in a batch of more than `fits`.

    NumPy's refusal reaches us as TensorFlow's, but at once; TensorFlow's own allocator tries again for half a minute.
    """

    def __init__(self, fits: int):
        super().__init__()
        self.inner, self.fits = TASK.build(CONFIG), fits

    def call(self, inputs, training=None):
        outputs = self.inner(inputs, training=training)
        size = tf.shape(inputs, tf.int64)[0]
        return outputs + 1e-30 * tf.numpy_function(self.ask, [size], tf.float32)

    def ask(self, size):
        return np.zeros(1 << 50 if size > self.fits else 1, np.float32).sum()


def test_a_batch_that_does_not_fit_is_computed_in_halves():
    """16 fail, 8 fit: the values are those of the whole batch, and nothing counts twice."""
    model, said = Hungry(8), []
    values = evaluate(TASK, CONFIG, model, validation_batches(20), said.append)
    want = evaluate(TASK, CONFIG, model.inner, validation_batches(20))
    assert values == pytest.approx(want, rel=1e-5)
    assert len(said) == 1 and "Out of memory" in said[0] and "evaluate.batch_size=8" in said[0]


def test_what_can_be_foreseen_is_not_tried():
    """On the host, the kernel would kill the process."""

    class Twice(tf.keras.Model):
        def __init__(self):
            super().__init__()
            self.inner = TASK.build(CONFIG)

        def call(self, inputs, training=None):
            # 2 TiB for more than 8 examples, in the graph of that size only.
            wanted = 1 << 35 if inputs.shape[0] > 8 else 1
            extra = tf.random.stateless_uniform([inputs.shape[0], wanted], [1, 2])
            return self.inner(inputs, training=training) + 1e-30 * tf.reduce_sum(extra)

    model, said = Twice(), []
    values = evaluate(TASK, CONFIG, model, validation_batches(16), said.append)
    assert values == pytest.approx(evaluate(TASK, CONFIG, model.inner, validation_batches(16)))
    assert len(said) == 1 and "16 would not fit" in said[0] and "evaluate.batch_size=8" in said[0]


def test_one_example_that_does_not_fit_names_the_setting():
    one = validation_batches(1)
    with pytest.raises(PerceiverError, match="single example.*evaluate.batch_size"):
        evaluate(TASK, CONFIG, Hungry(0), one)
