"""Serving GLUE: answers per task, bad text, and tasks that the model was not trained on."""

from __future__ import annotations

import numpy as np
import pytest
import tensorflow as tf

from perceiver_keras.data.text.glue import task_named
from perceiver_keras.tasks.glue import serve
from perceiver_keras.tasks.glue.data import batch_of
from perceiver_keras.tasks.glue.model import NAMES
from tests.tasks.glue.small import CONFIG, ask, batch, small_model


def test_answers_are_those_of_each_task():
    found = ask(
        small_model(), ("mnli", "a", "b"), ("cola", "a", ""), ("stsb", "a", "b"), ("ax", "a", "b")
    )
    assert found["probabilities"].shape == (4, 3)
    np.testing.assert_allclose(found["probabilities"].sum(1), [1, 1, 0, 1], rtol=1e-5)
    np.testing.assert_allclose(found["probabilities"][3], found["probabilities"][0], rtol=1e-5)
    assert found["label"][0].decode() in task_named("mnli").labels
    assert found["label"][2] == b"score"
    assert 0 < found["score"][2] < 5


def test_probabilities_are_the_softmax_over_the_task_s_own_classes():
    """The third logit of a task with two classes counts for nothing, however large."""
    logits = {"cola": (1.0, 2.0, 50.0), "mnli": (1.0, 2.0, 3.0), "stsb": (4.25, 9.0, 9.0)}
    _, outputs = batch([(name, 0, values) for name, values in logits.items()])
    found = serve.respond({}, outputs, CONFIG, None)
    two, three = np.exp([1.0, 2.0]), np.exp([1.0, 2.0, 3.0])
    expected = [[*two / two.sum(), 0], three / three.sum(), [0, 0, 0]]
    np.testing.assert_allclose(found["probabilities"], expected, rtol=1e-5)
    assert found["label"].numpy().tolist() == [b"acceptable", b"contradiction", b"score"]
    scores = [two[1] / two.sum(), three[2] / three.sum(), 4.25]
    np.testing.assert_allclose(found["score"], scores, rtol=1e-5)
    assert found["classes"][0].numpy().tolist() == [b"unacceptable", b"acceptable", b""]


def test_bad_text_never_crashes_and_the_cut_is_counted():
    found = ask(
        small_model(), ("cola", b"\xff\x00", ""), ("rte", "", ""), ("rte", "a" * 999, "b" * 999)
    )
    assert list(found["cut"]) == [0, 0, 2 * 999 - 23]
    assert np.isfinite(found["score"]).all()


def test_a_task_that_it_was_not_trained_on_is_a_readable_error():
    model = small_model()
    for task in ("wnli", "nonsense"):
        with pytest.raises(tf.errors.InvalidArgumentError, match="was trained for cola, sst2"):
            ask(model, (task, "a", "b"))
    graph = tf.function(lambda **raw: serve.serve(model, raw, CONFIG, None)["label"])
    with pytest.raises(tf.errors.InvalidArgumentError, match="was trained for"):
        graph(**{key: tf.constant(["wnli"]) for key in serve.spec(CONFIG)})
    # By number, as `serving_tensors` takes it.
    inputs, _ = batch_of(*(tf.constant([text]) for text in ("cola", "a", "b")), CONFIG)
    inputs["task"] = tf.constant([NAMES.index("wnli")])
    with pytest.raises(tf.errors.InvalidArgumentError, match=r"(?s)was trained for.*wnli"):
        serve.respond(inputs, model(inputs), CONFIG, None)
