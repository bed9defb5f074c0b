"""Texts and their tags: crops keep them together, and what does not fit is refused."""

from __future__ import annotations

import pytest
import tensorflow as tf

from perceiver_keras.config_tree import override
from perceiver_keras.data.text.byte_tokenizer import OFFSET
from perceiver_keras.errors import UsageError
from perceiver_keras.tasks.token_classification import data
from tests.tasks.token_classification.small import CONFIG


def prepared(text, tags, training=False, seed=(0, 0)):
    features = {"text": tf.constant(text), "tags": tf.constant(tags)}
    inputs, targets = data.prepare(features, CONFIG, training, tf.constant(seed))
    shown = bytes((inputs["ids"].numpy()[inputs["mask"].numpy()] - OFFSET).tolist())
    return shown, targets.numpy().tolist()


def test_tags_go_with_their_bytes():
    assert prepared(b"ab=1", b"2263") == (b"ab=1", [2, 2, 6, 3, -1, -1, -1, -1])
    assert prepared(b"", b"") == (b"", [-1] * 8)
    text = bytes(range(65, 85))
    tags = bytes(ord("0") + i % 7 for i in range(20))
    seen = set()
    for seed in range(30):
        crop, targets = prepared(text, tags, True, (seed, 1))
        start = text.index(crop)
        assert targets == [tag - ord("0") for tag in tags[start : start + 8]]
        seen.add(start)
    assert min(seen) == 0
    assert max(seen) == 12
    assert prepared(text, tags)[0] == text[:8]


def test_corrupt_examples_and_settings_are_refused_with_a_reason():
    assert data.check({"text": [b"ab"], "tags": [b"16"]}, CONFIG) is None
    assert "1 tags for 2 bytes" in data.check({"text": [b"ab"], "tags": [b"1"]}, CONFIG)
    assert "tags [9] are not in 0 to 6" in data.check({"text": [b"a"], "tags": [b"9"]}, CONFIG)
    with pytest.raises(UsageError, match="2 to 200 names"):
        data.check_dataset(None, override(CONFIG, 'model.tags=["a"]'))
    with pytest.raises(UsageError, match="bytes have 262 ids"):
        data.check_dataset(None, override(CONFIG, "model.vocabulary=300"))
