"""Stored texts to masked ids: what is checked, joined, and hidden."""

from __future__ import annotations

import numpy as np
import pytest
import tensorflow as tf

from perceiver_keras.config_tree import override
from perceiver_keras.data.text import sentencepiece
from perceiver_keras.errors import UsageError
from perceiver_keras.tasks.language_mlm import data
from tests.tasks.language_mlm.small import SMALL


def test_a_vocabulary_that_is_yet_to_be_trained_is_checked_but_not_trained(monkeypatch):
    monkeypatch.setattr(sentencepiece, "train", None)
    config = override(SMALL, "data.sentencepiece=train", "data.dataset=none")
    data.check_dataset(None, override(config, "model.vocabulary=1006"))
    with pytest.raises(UsageError, match="no room for SentencePiece's pieces"):
        data.check_dataset(None, override(config, "model.vocabulary=7"))


def test_training_may_hide_more_than_evaluation_does():
    rates = "data.masking=tokens", "data.mask_rate=0.1", "data.train_mask_rate=0.4"
    config = override(SMALL, *rates)
    texts = [f"{number:5}: sixteen bytes and more" for number in range(300)]
    seeds = [[number, 7] for number in range(300)]

    def share_hidden(training):
        def one(text, seed):
            return data.prepare({"text": text}, config, training, seed)[1] >= 0

        hidden = tf.data.Dataset.from_tensor_slices((texts, seeds)).map(one).batch(300)
        return np.mean(next(iter(hidden)))  # of 300 * 16 bytes

    assert 0.37 < share_hidden(True) < 0.43
    assert 0.08 < share_hidden(False) < 0.12


def test_several_texts_are_read_as_one_with_empty_lines_between_them():
    config = override(SMALL, "model.length=24", "data.mask_rate=0.5")
    seed = tf.constant([1, 2])
    several = data.prepare({"text": tf.constant(["ab", "", "cde"])}, config, True, seed)
    one = data.prepare({"text": tf.constant("ab\n\n\n\ncde")}, config, True, seed)
    for a, b in zip(tf.nest.flatten(several), tf.nest.flatten(one), strict=True):
        np.testing.assert_array_equal(a, b)
    inputs, targets = several
    whole = tf.where(targets >= 0, targets, inputs["ids"]).numpy()[inputs["mask"].numpy()]
    assert bytes((whole - 6).tolist()) == b"ab\n\n\n\ncde"


def test_an_empty_text_is_a_text_and_only_a_missing_one_is_refused():
    assert data.check({"text": [b""]}, SMALL) is None
    assert data.check({}, SMALL) == data.check({"text": []}, SMALL) == "feature 'text' is missing"
