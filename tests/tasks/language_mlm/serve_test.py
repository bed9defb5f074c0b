"""Serving texts with gaps: stored examples and raw texts get the same answers, and a warm-up has work to do."""

from __future__ import annotations

import subprocess
import sys

import tensorflow as tf

from perceiver_keras.tasks.language_mlm import data, serve
from tests.checks import assert_close
from tests.tasks.language_mlm.small import SMALL, served_graph, small_model

CLIENTS = """
import sys, threading, time
import tensorflow as tf
answer = tf.saved_model.load(sys.argv[1]).signatures["serving_default"]
text = b"x" * 60 + b"[MASK]"
alone = {size: answer(text=tf.constant([text] * size))["filled"] for size in range(1, 8)}
end, wrong = time.monotonic() + 2, []
def client(sizes):
    while time.monotonic() < end:
        for size in sizes:
            filled = answer(text=tf.constant([text] * size))["filled"]
            if (filled.numpy() != alone[size].numpy()).any():
                wrong.append(size)
clients = [threading.Thread(target=client, args=(sizes,)) for sizes in ([1, 3, 5], [2, 6, 7])]
for one in clients: one.start()
for one in clients: one.join()
sys.exit(f"other answers to {wrong}" if wrong else 0)
"""


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


def test_two_clients_with_batches_of_different_sizes_get_their_answers(tmp_path):
    """In a process of its own: kernels that are not meant for two calls at once corrupt its memory, and it dies."""
    module = tf.Module()
    module.model, module.graph = small_model(), served_graph()
    tf.saved_model.save(module, str(tmp_path), signatures=module.graph)
    command = [sys.executable, "-c", CLIENTS, str(tmp_path)]
    found = subprocess.run(command, capture_output=True, text=True, timeout=120)
    assert found.returncode == 0, found.stderr[-2000:]
