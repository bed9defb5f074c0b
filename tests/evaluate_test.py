"""Evaluation against plain NumPy."""

from __future__ import annotations

import numpy as np
import pytest

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
