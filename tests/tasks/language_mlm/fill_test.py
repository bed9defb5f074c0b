"""Filling masks in texts of any length, against windows cut one by one in Python, and the answers for people."""

from __future__ import annotations

import numpy as np
import tensorflow as tf

from perceiver_keras.config_tree import override
from perceiver_keras.data.text.byte_tokenizer import ByteTokenizer, encode
from perceiver_keras.tasks.language_mlm import TASK, fill
from perceiver_keras.tasks.shared.tokens import tokenizer_of
from tests.checks import assert_close
from tests.tasks.language_mlm.small import SMALL, TEXTS, served, small_model


def test_each_mask_is_predicted_in_a_window_with_context_on_both_sides():
    """Against windows cut one by one in Python."""
    model, found = small_model(), served()
    for row, text in enumerate(TEXTS):
        parts = text.split(b"[MASK]")
        ids = [*(byte + 6 for byte in parts[0])]
        for part in parts[1:]:
            ids += [3, *(byte + 6 for byte in part)]
        places = [i for i, value in enumerate(ids) if value == 3]
        assert (found["token_id"][row, len(places) :] == -1).all()
        assert (found["token"][row, len(places) :] == b"").all()
        best, starts = list(ids), []
        for place in places:
            start = min(max((place - 4) // 8 * 8, 0), max(len(ids) - 16, 0))
            assert (
                min(place - start, start + 15 - place) >= 4
                or start in (0, len(ids) - 16)
                or len(ids) < 16
            )
            starts.append(start)
        if places:
            windows = model(tf.constant([ids[start : start + 16] for start in starts]))
        for number, (place, start) in enumerate(zip(places, starts, strict=True)):
            logits = windows[number, place - start]
            expected = np.sort(tf.nn.softmax(logits).numpy())[::-1][:10]
            assert_close(found["probability"][row, number], expected)
            best[place] = int(np.argmax(logits))
            assert found["token_id"][row, number, 0] == best[place]
        shown = b"".join(bytes([v - 6]) for v in best if v >= 6) if 3 not in best else None
        if shown is not None:
            assert found["filled"][row].decode() == shown.decode("utf-8", "replace")


def test_many_windows_are_read_a_few_at_a_time():
    model = small_model()
    frugal = TASK.build(override(SMALL, "model.attention_memory_mb=1")).build_all()
    frugal.set_weights(model.get_weights())
    assert fill._windows_at_once(frugal.config) == 62
    text = tf.constant([b"[MASK] and more than one window. " * 40])
    tokenizer = tokenizer_of(SMALL)
    found = fill.fill(frugal, tokenizer, text)
    assert_close(found["probability"], fill.fill(model, tokenizer, text)["probability"])


def test_what_the_model_has_already_predicted_is_answered_in_the_same_way():
    """`respond` on ids and logits of texts that fit into one window, against `fill` on the texts."""
    model, tokenizer = small_model(), ByteTokenizer()
    texts = [b"a [MASK] b", b"", b"no gap", b"[MASK][MASK]\xff"]
    encoded = [encode(text, SMALL.model.length) for text in texts]
    inputs = {key: tf.stack([getattr(one, key) for one in encoded]) for key in ("ids", "mask")}
    found = fill.respond(tokenizer, inputs, model(inputs), top=3)
    expected = fill.fill(model, tokenizer, tf.constant(texts), top=3)
    assert found.keys() == expected.keys()
    assert_close(found.pop("probability"), expected.pop("probability"))
    for name, value in found.items():
        assert value.numpy().tolist() == expected[name].numpy().tolist(), name


def test_a_byte_that_is_not_a_character_completes_one_in_the_sequence():
    outputs = {
        "text": np.array(["[MASK]\ufffd x[MASK]".encode()], object),
        "token": np.array([[[b"a", b"<0xC3>"], [b"\xe2\x96\x81dog", b"."]]], object),
        "token_id": np.array([[[103, 201], [300, 52]]]),
        "probability": np.array([[[0.75, 0.125], [0.5, 0.25]]], np.float32),
    }
    ((first, second),) = fill.answers(outputs, None, 2)
    assert first == [
        {"score": 0.75, "token": 103, "token_str": "a", "sequence": "a\ufffd x[MASK]"},
        {"score": 0.125, "token": 201, "token_str": "<0xC3>", "sequence": "\ufffd\ufffd x[MASK]"},
    ]
    assert [one["sequence"] for one in second] == ["[MASK]\ufffd x dog", "[MASK]\ufffd x."]
    outputs["text"] = np.array([b"[MASK]\xa9"], object)
    outputs = {key: value[:, :1] if value.ndim > 1 else value for key, value in outputs.items()}
    (only,) = fill.answers(outputs, None, 2)
    assert only[1]["sequence"] == "é"  # 0xC3 0xA9
