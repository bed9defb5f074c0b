"""Sentences and pairs to ids: how they share the room, corrupt examples, and settings that do not fit."""

from __future__ import annotations

import pytest
import tensorflow as tf

from perceiver_keras.config_tree import override
from perceiver_keras.data.text.byte_tokenizer import OFFSET, SEP
from perceiver_keras.errors import UsageError
from perceiver_keras.tasks.glue import data
from perceiver_keras.tasks.glue.metrics import GlueLoss
from tests.tasks.glue.small import CONFIG

# === Text ===


def text_of(first, second, length):
    config = override(CONFIG, f"model.length={length}")
    inputs, cut = data.to_inputs(*map(tf.constant, (b"rte", first, second)), config)
    ids = inputs["ids"].numpy()[inputs["mask"].numpy()]
    shown = b"".join(b"|" if i == SEP else bytes([i - OFFSET]) for i in ids)
    return shown, int(cut)


def test_sentences_share_the_room():
    assert text_of(b"abc", b"de", 10) == (b"abc|de", 0)
    assert text_of(b"abcdefgh", b"ijklmnop", 9) == (b"abcd|ijkl", 8)
    assert text_of(b"abcdefgh", b"ij", 9) == (b"abcdef|ij", 2)
    assert text_of(b"ab", b"cdefghijk", 9) == (b"ab|cdefgh", 3)
    assert text_of(b"abcdefghijk", b"", 9) == (b"abcdefgh|", 3)
    assert text_of(b"", b"", 9) == (b"|", 0)
    assert text_of(b"\xff\xfe[MASK]", b"", 12) == (b"\xff\xfe[MASK]|", 0)  # specials are only text


# === Examples ===


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"task": [b"wnli"]}, "not among model.tasks"),
        ({"task": [b"nothing"]}, "GLUE has no task 'nothing'"),
        ({"label": [-1.0]}, "only its server has"),
        ({"label": [2.0]}, "not in 0 to 1"),
        ({"task": [b"stsb"], "label": [5.1]}, "not in 0 to 5"),
        ({"task": [b"stsb"], "idx": [9000]}, "out of bounds"),
    ],
)
def test_corrupt_examples_are_refused_with_a_reason(change, reason):
    good = {"task": [b"rte"], "sentence1": [b"a"], "sentence2": [b""], "label": [1.0], "idx": [3]}
    assert data.check(good, CONFIG) is None
    assert reason in data.check({**good, **change}, CONFIG)


def test_labels_of_minus_one_are_refused_in_training_and_skipped_by_the_loss():
    features = dict(task=b"rte", sentence1=b"a", sentence2=b"b", label=-1.0, idx=tf.constant(0))
    features = {key: tf.constant(value) for key, value in features.items()}
    _, targets = data.prepare(features, CONFIG, False, tf.constant([0, 0]))
    with pytest.raises(tf.errors.InvalidArgumentError, match="test splits can't be trained on"):
        data.prepare(features, CONFIG, True, tf.constant([0, 0]))
    assert float(GlueLoss().call(targets[None], tf.zeros([1, 4]))[0]) == 0


# === Settings ===


def test_settings_that_do_not_fit_are_named():
    for wrong, words in (
        ('model.tasks=["rte","rte"]', "each task once"),
        ('model.tasks=["ax"]', "answered by mnli"),
        ('model.tasks=["colla"]', "Did you mean 'cola'"),
        ('data.task_weights={"x":1}', "GLUE has no task 'x'"),
        ("model.vocabulary=300", "bytes have 262 ids"),
        ("data.sentencepiece=train", "the language model was trained with"),
    ):
        with pytest.raises(UsageError, match=words):
            data.check_dataset(None, override(CONFIG, wrong))


def test_labels_are_classes_unless_a_task_has_scores():
    assert data.kinds(override(CONFIG, 'model.tasks=["rte","cola"]'))["label"] == "label"
    assert data.kinds(override(CONFIG, 'model.tasks=["rte","stsb"]'))["label"] == "number"
