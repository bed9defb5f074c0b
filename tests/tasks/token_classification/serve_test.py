"""Serving texts of any length: windows next to one another, and "" where nothing is tagged."""

from __future__ import annotations

import numpy as np
import tensorflow as tf

from perceiver_keras.tasks.token_classification import TASK, serve
from tests.tasks.token_classification.small import CONFIG, small_model


def ask(*texts):
    outputs = serve.serve(small_model(), TASK.asking.pack(texts), CONFIG, None)
    return {key: value.numpy() for key, value in outputs.items()}


def test_long_texts_are_read_in_windows():
    short, long = b"x = 1", b"x = 1 + y # and so on"
    together = ask(short, long, b"")
    assert together["entity"].shape == (3, 24)
    for start in range(0, len(long), 8):
        alone = ask(long[start : start + 8])
        np.testing.assert_allclose(
            together["score"][1, start : start + 8], alone["score"][0], rtol=1e-5
        )
    assert list(together["text"]) == [short, long, b""]
    assert not together["score"][0, len(short) :].any()
    assert set(together["entity"][2]) == {b""}


def test_each_byte_has_its_likeliest_tag_and_the_first_tag_is_none():
    """Logits with one tag ahead by log 6 of the six others: probability 1/2."""
    tags = [0, 3, 6]
    inputs = {"ids": np.array([[103, 104, 105, 0]]), "mask": np.array([[1, 1, 1, 0]], bool)}
    logits = np.log(6.0) * np.eye(7, dtype=np.float32)[[[*tags, 1]]]
    found = serve.respond(inputs, logits, CONFIG, None)
    assert found["entity"].numpy().tolist() == [[b"", b"number", b"operator", b""]]
    np.testing.assert_allclose(found["score"], [[0.5, 0.5, 0.5, 0]], rtol=1e-6)
    assert found["text"].numpy().tolist() == [b"abc"]


def test_texts_that_fit_are_served_as_training_prepares_them():
    texts = tf.constant([b"x = 1", b"x = 1 + ", b"x = 1 + y", b""])
    fits = serve.as_trained({"text": texts}, CONFIG).numpy()
    assert fits.tolist() == [True, True, False, True]
