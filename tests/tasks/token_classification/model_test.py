"""The tagger: any bytes, what padding holds does not matter, and the rest of the text does."""

from __future__ import annotations

import numpy as np
import pytest
import tensorflow as tf

from perceiver_keras.errors import UsageError
from tests.checks import assert_close
from tests.tasks.token_classification.small import CONFIG, small_model


def test_any_bytes_are_tagged():
    model = small_model()
    (found,) = model.tag([b"\xff\x00[MASK]"])
    assert all(entity["entity"] in CONFIG.model.tags for entity in found)
    assert model.tag(["a b"]) == model.answer([b"a b"]) == [model.tag("a b")]
    assert model.tag([]) == model.answer([]) == []
    for wrong, words in ((3, "got 3"), ([None], "the text: expected a text .* got None")):
        with pytest.raises(UsageError, match=words):
            model.tag(wrong)


def test_logits_depend_on_the_text_and_not_on_its_padding():
    model = small_model()
    ids = tf.random.stateless_uniform([2, 8], [1, 2], 6, 262, tf.int32)
    mask = tf.sequence_mask([3, 8], 8)
    padded = model({"ids": tf.where(mask, ids, 0), "mask": mask})
    other = model({"ids": tf.where(mask, ids, 77), "mask": mask})
    assert_close(tf.boolean_mask(other, mask), tf.boolean_mask(padded, mask))
    whole = model({"ids": ids, "mask": tf.ones_like(mask)})
    assert np.abs(whole[0, :3] - padded[0, :3]).max() > 1e-4  # the rest of the text counts
    assert_close(whole[1], padded[1])
