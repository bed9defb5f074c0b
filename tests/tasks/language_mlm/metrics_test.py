"""Columns, loss and the trivial guess of masked language models, against NumPy and by hand."""

from __future__ import annotations

import math

import numpy as np
import pytest
import tensorflow as tf

from perceiver_keras.config_tree import override
from perceiver_keras.data.text.byte_tokenizer import MASK
from perceiver_keras.metrics.results import results_of
from perceiver_keras.tasks.language_mlm import metrics
from perceiver_keras.tasks.shared.tokens import tokenizer_of
from tests.metrics.calibration_by_hand import calibration_error
from tests.tasks.language_mlm.small import SMALL


def test_columns_are_sums_over_what_was_asked():
    rng = np.random.default_rng(0)
    logits = rng.normal(size=(3, 5, 7)).astype(np.float32)
    targets = np.array([[1, -1, 2, -1, 0], [-1] * 5, [6, 5, 4, 3, 2]], np.int32)
    found = metrics.columns(tf.constant(targets), tf.constant(logits)).numpy()
    log_p = logits - np.log(np.exp(logits).sum(-1, keepdims=True))
    for row in range(3):
        places = np.flatnonzero(targets[row] >= 0)
        nats = -sum(log_p[row, p, targets[row, p]] for p in places)
        right = sum(logits[row, p].argmax() == targets[row, p] for p in places)
        np.testing.assert_allclose(
            found[row, :4], [len(places), right, nats, nats / math.log(2)], rtol=1e-5, atol=1e-6
        )
    asked = targets >= 0
    sure = np.exp(log_p).max(-1)[asked]
    expected = calibration_error(sure, (logits.argmax(-1) == targets)[asked])
    values = results_of(metrics.column_metrics(SMALL), [found[:1], found[1:]])
    assert values["calibration_error"] == pytest.approx(expected, abs=1e-5)
    loss = metrics.loss(SMALL)(targets, logits)
    np.testing.assert_allclose(loss, found[:, 2].sum() / found[:, 0].sum(), rtol=1e-6)
    assert float(metrics.loss(SMALL)(np.full((1, 5), -1), logits[:1])) == 0.0


def test_the_baseline_is_the_commonest_token_and_what_counting_finds(tmp_path):
    """Three a's and one b: 3/4 right, and their entropy. n-grams know the training text."""
    targets = tf.constant([[7, -1, 7, 7, 8]])
    dataset = tf.data.Dataset.from_tensors(({"ids": tf.fill([1, 5], 3)}, targets))
    entropy = -(0.75 * math.log(0.75) + 0.25 * math.log(0.25))
    by_hand = {
        "accuracy": 0.75,
        "cross_entropy": pytest.approx(entropy),
        "bits_per_token": pytest.approx(entropy / math.log(2)),
    }
    absent = override(SMALL, "data.dataset=text_folder", f"data.data_dir={tmp_path}")
    assert metrics.baseline(dataset, absent) == by_hand
    folder = tmp_path / "manual/text_folder/train"
    folder.mkdir(parents=True)
    text = b"the cat sat on a mat"
    (folder / "seen.txt").write_bytes(text + b"\n")
    ids = np.array([[byte + 6 for byte in text]], np.int32)
    hidden = np.isin(np.arange(len(text)), [4, 12])[None]  # c and n
    inputs = {"ids": np.where(hidden, 3, ids)}
    example = tf.data.Dataset.from_tensors((inputs, np.where(hidden, ids, -1)))
    seen = metrics.baseline(example, absent)
    assert (seen["accuracy"], seen["ngram_accuracy"]) == (0.5, 1.0)


def test_pieces_have_a_baseline_of_ngrams_too(tmp_path):
    """A sentence that was seen often: each hidden piece is known from the pieces next to it."""
    folder = tmp_path / "manual/text_folder/train"
    folder.mkdir(parents=True)
    (folder / "seen.txt").write_text("the cat sat on a mat\n\n" * 40 + "a dog sat on a log\n")
    pieces = override(
        SMALL,
        "data.dataset=text_folder",
        f"data.data_dir={tmp_path}",
        "data.sentencepiece=train",
        "model.vocabulary=27",
    )
    ids = tokenizer_of(pieces).encode(tf.constant([b"the cat sat on a mat"])).to_tensor().numpy()
    hidden = np.arange(ids.shape[1])[None] == 2
    example = tf.data.Dataset.from_tensors(
        ({"ids": np.where(hidden, MASK, ids)}, np.where(hidden, ids, -1))
    )
    assert metrics.baseline(example, pieces)["ngram_accuracy"] == 1.0
