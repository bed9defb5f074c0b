"""The masked language model: what it takes, and filling masks from Python."""

from __future__ import annotations

import numpy as np
import pytest
import tensorflow as tf

from perceiver_keras.errors import UsageError
from tests.checks import assert_close
from tests.tasks.language_mlm.small import SMALL, small_model


def test_ids_alone_are_text_in_every_place_and_padding_may_hold_anything():
    model = small_model()
    ids = tf.random.stateless_uniform([2, SMALL.model.length], [1, 2], 6, 262, tf.int32)
    whole = model({"ids": ids, "mask": tf.ones_like(ids, tf.bool)})
    assert_close(model(ids), whole)
    mask = tf.sequence_mask([5, 16], SMALL.model.length)
    padded = model({"ids": tf.where(mask, ids, 0), "mask": mask})
    other = model({"ids": tf.where(mask, ids, 77), "mask": mask})
    assert_close(tf.boolean_mask(other, mask), tf.boolean_mask(padded, mask))
    assert np.abs(padded[0, :5] - whole[0, :5]).max() > 1e-3  # the rest of the text did count


def test_answers_have_hugging_faces_keys():
    model = small_model()
    one, several, none = model.fill_mask(["a [MASK].", "[MASK]b[MASK]", "nothing"], top=3)
    assert len(one) == 3 and none == []
    assert one[0].keys() == {"score", "token", "token_str", "sequence"}
    assert all(a["score"] >= b["score"] for a, b in zip(one, one[1:], strict=False))
    assert [len(candidates) for candidates in several] == [3, 3]
    assert "[MASK]" not in one[0]["sequence"] and several[0][0]["sequence"].endswith("b[MASK]")
    assert model.fill_mask([]) == []
    alone = model.fill_mask("a [MASK].", top=3)  # one text is answered without a list around it
    for candidate, same in zip(alone, one, strict=True):
        assert candidate == same | {"score": pytest.approx(same["score"], abs=2e-6)}
    with pytest.raises(UsageError, match=r"text 2: expected a text \(str\).*got 3 \(int\)"):
        model.fill_mask(["a [MASK]", 3])
    with pytest.raises(UsageError, match="or a list of these; got None"):
        model.fill_mask(None)


def test_texts_of_every_kind(tmp_path):
    """Also a text in another encoding, and characters of several bytes around the mask."""
    model = small_model()
    text = "日[MASK]é"
    (tmp_path / "a.txt").write_text(text, encoding="utf-16")
    answer = model.fill_mask(text, top=2)
    assert all(one["sequence"].startswith("日") and one["sequence"].endswith("é") for one in answer)
    kinds = [text.encode(), np.str_(text), tf.constant(text), tmp_path / "a.txt"]
    together = model.fill_mask((kind for kind in kinds), top=2)
    assert [[e["token"] for e in one] for one in together] == [[e["token"] for e in answer]] * 4
