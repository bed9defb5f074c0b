"""Serving texts with gaps: stored examples and raw texts get the same answers, and a warm-up has work to do."""

from __future__ import annotations

import tensorflow as tf

from perceiver_keras.tasks.language_mlm import data, serve
from tests.checks import assert_close
from tests.tasks.language_mlm.small import SMALL, small_model


def test_a_stored_example_is_answered_like_its_text():
    """Through `prepare` and `respond`, as `serving_tensors` does it, against `serve`."""
    model = small_model()
    texts = tf.constant([b"the [MASK] of it", b"[MASK]"])
    prepared = [
        data.prepare({"text": text}, SMALL, False, tf.constant([0, 0]))[0] for text in texts
    ]
    inputs = {key: tf.stack([one[key] for one in prepared]) for key in prepared[0]}
    found = serve.respond(inputs, model(inputs), SMALL, None)
    expected = serve.serve(model, {"text": texts}, SMALL, None)
    assert_close(found.pop("probability"), expected.pop("probability"))
    for name, value in found.items():
        assert value.numpy().tolist() == expected[name].numpy().tolist(), name


def test_warm_up_requests_have_something_to_fill_in():
    warm = serve.warmup({"text": tf.constant([b"some", b""])})
    assert warm["text"].numpy().tolist() == [b"[MASK]some", b"[MASK]"]


def test_training_masks_other_places_than_a_request():
    raw = {"text": tf.constant([b"[MASK]some", b"[MASK]"])}
    assert not serve.as_trained(raw, SMALL).numpy().any()
