"""Filling masks: windows, words of the command line, columns, official weights, SentencePiece in an export."""

from __future__ import annotations

import math

import numpy as np
import pytest
import tensorflow as tf
from tensorflow import keras

from perceiver_keras.config_tree import override
from perceiver_keras.data.text import sentencepiece
from perceiver_keras.errors import UsageError
from perceiver_keras.tasks import language_mlm
from perceiver_keras.tasks.language_mlm import fill as fill_mask
from perceiver_keras.tasks.shared.tokens import tokenizer_of
from tests.checks import assert_close

SMALL = override(
    language_mlm.PRESETS["tiny"].config,
    "model.length=16",
    "model.channels=8",
    "model.query_dim=8",
    "model.encode.num_latents=4",
    "model.encode.latent_dim=16",
    "model.encode.qk_dim=16",
    "model.encode.v_dim=16",
    "model.process.num_self_attention_layers=1",
    "model.decode.qk_dim=16",
    "model.decode.v_dim=8",
)
TEXTS = [
    b"short [MASK] one",
    b"",
    b"none",
    b"left " * 9 + b"[MASK]" + b" right" * 9 + b"[MASK]",
    "é[MASK]\xff€".encode("latin-1", "replace"),
    b"[MASK]" * 40,
]


@pytest.fixture(scope="module")
def model():
    keras.utils.set_random_seed(1)
    found = language_mlm.TASK.build(SMALL).build_all()
    for weight in found.trainable_weights:  # answers that differ from place to place
        weight.assign_add(tf.random.normal(weight.shape, stddev=0.3))
    found.task_config = SMALL
    return found


@pytest.fixture(scope="module")
def served(model):
    graph = tf.function(lambda text: language_mlm.serve(model, {"text": text}, SMALL, None))
    graph = graph.get_concrete_function(tf.TensorSpec([None], tf.string))
    return {name: value.numpy() for name, value in graph(tf.constant(TEXTS)).items()}


def test_each_mask_is_predicted_in_a_window_with_context_on_both_sides(model, served):
    """Against windows cut and asked one by one, in Python."""
    for row, text in enumerate(TEXTS):
        parts = text.split(b"[MASK]")
        ids = [*(byte + 6 for byte in parts[0])]
        for part in parts[1:]:
            ids += [3, *(byte + 6 for byte in part)]
        places = [i for i, value in enumerate(ids) if value == 3]
        assert (served["token_id"][row, len(places) :] == -1).all()
        assert (served["token"][row, len(places) :] == b"").all()
        best = list(ids)
        for number, place in enumerate(places):
            start = min(max((place - 4) // 8 * 8, 0), max(len(ids) - 16, 0))
            assert (
                min(place - start, start + 15 - place) >= 4
                or start in (0, len(ids) - 16)
                or len(ids) < 16
            )
            logits = model(tf.constant([ids[start : start + 16]]))[0, place - start]
            expected = np.sort(tf.nn.softmax(logits).numpy())[::-1][:10]
            assert_close(served["probability"][row, number], expected)
            best[place] = int(np.argmax(logits))
            assert served["token_id"][row, number, 0] == best[place]
        shown = b"".join(bytes([v - 6]) for v in best if v >= 6) if 3 not in best else None
        if shown is not None:
            assert served["filled"][row].decode() == shown.decode("utf-8", "replace")


def test_many_windows_are_read_a_few_at_a_time(model, served):
    frugal = language_mlm.TASK.build(override(SMALL, "model.attention_memory_mb=1")).build_all()
    frugal.set_weights(model.get_weights())
    assert fill_mask._windows_at_once(frugal.config) == 62
    text = tf.constant([b"[MASK] and more than one window. " * 40])
    tokenizer = tokenizer_of(SMALL)
    found = fill_mask.fill(frugal, tokenizer, text)
    assert_close(found["probability"], fill_mask.fill(model, tokenizer, text)["probability"])


def test_answers_have_hugging_faces_keys(model):
    one, several, none = model.fill_mask(["a [MASK].", "[MASK]b[MASK]", "nothing"], top=3)
    assert len(one) == 3 and none == []
    assert one[0].keys() == {"score", "token", "token_str", "sequence"}
    assert all(a["score"] >= b["score"] for a, b in zip(one, one[1:], strict=False))
    assert [len(candidates) for candidates in several] == [3, 3]
    assert "[MASK]" not in one[0]["sequence"] and several[0][0]["sequence"].endswith("b[MASK]")
    assert model.fill_mask([]) == []
    with pytest.raises(UsageError, match="takes a list"):
        model.fill_mask("a [MASK]")


def test_words_of_the_command_line(tmp_path, monkeypatch):
    lines = tmp_path / "lines.txt"
    lines.write_bytes(b"one [MASK]\n\n\xff two\n")
    found = list(language_mlm.requests(["a [MASK]", str(lines), "x" * 5000]))
    assert [request.content for request in found] == [
        b"a [MASK]",
        b"one [MASK]",
        b"\xff two",
        b"x" * 5000,
    ]
    assert found[2].name == f"{lines}:3" and not any(request.error for request in found)
    with pytest.raises(UsageError, match="Name a text"):
        list(language_mlm.requests([]))


def test_columns_are_sums_over_what_was_asked():
    rng = np.random.default_rng(0)
    logits = rng.normal(size=(3, 5, 7)).astype(np.float32)
    targets = np.array([[1, -1, 2, -1, 0], [-1] * 5, [6, 5, 4, 3, 2]], np.int32)
    found = language_mlm.columns(tf.constant(targets), tf.constant(logits)).numpy()
    log_p = logits - np.log(np.exp(logits).sum(-1, keepdims=True))
    for row in range(3):
        places = np.flatnonzero(targets[row] >= 0)
        nats = -sum(log_p[row, p, targets[row, p]] for p in places)
        right = sum(logits[row, p].argmax() == targets[row, p] for p in places)
        np.testing.assert_allclose(
            found[row], [len(places), right, nats, nats / math.log(2)], rtol=1e-5, atol=1e-6
        )
    loss = language_mlm.loss(SMALL)(targets, logits)
    np.testing.assert_allclose(loss, found[:, 2].sum() / found[:, 0].sum(), rtol=1e-6)
    assert float(language_mlm.loss(SMALL)(np.full((1, 5), -1), logits[:1])) == 0.0


def test_the_wrong_number_of_ids_is_told():
    with pytest.raises(UsageError, match="--set model.vocabulary=262"):
        tokenizer_of(override(SMALL, "model.vocabulary=300"))


def test_a_vocabulary_that_is_yet_to_be_trained_is_checked_but_not_trained(monkeypatch):
    monkeypatch.setattr(sentencepiece, "train", None)
    config = override(SMALL, "data.sentencepiece=train", "data.dataset=none")
    language_mlm.check_dataset(None, override(config, "model.vocabulary=1006"))
    with pytest.raises(UsageError, match="no room for SentencePiece's pieces"):
        language_mlm.check_dataset(None, override(config, "model.vocabulary=7"))


def test_a_picture_of_the_fillings(served):
    outputs = [{name: value[row] for name, value in served.items()} for row in range(len(TEXTS))]
    figure = language_mlm.picture(TEXTS, outputs, [])
    figure.canvas.draw()
    assert np.asarray(figure.canvas.buffer_rgba()).std() > 0


def test_warm_up_requests_have_something_to_fill_in():
    warm = language_mlm.warmup({"text": tf.constant([b"some", b""])})
    assert warm["text"].numpy().tolist() == [b"[MASK]some", b"[MASK]"]


def test_training_may_hide_more_than_evaluation_does():
    rates = "data.masking=tokens", "data.mask_rate=0.1", "data.train_mask_rate=0.4"
    config = override(SMALL, *rates)
    hidden = {True: [], False: []}
    for number in range(300):
        features = {"text": tf.constant(f"{number:5}: sixteen bytes and more")}
        for training, shares in hidden.items():
            _, targets = language_mlm.prepare(features, config, training, tf.constant([number, 7]))
            shares.append(np.mean(targets >= 0))
    assert 0.37 < np.mean(hidden[True]) < 0.43  # of 300 * 16 bytes
    assert 0.08 < np.mean(hidden[False]) < 0.12
