"""What a language model has to guess: crops, single tokens or whole words, by a seed or by the text itself."""

from __future__ import annotations

import re

import numpy as np
import pytest
import tensorflow as tf

from perceiver_keras.data.text import byte_tokenizer as text
from perceiver_keras.data.text import masking

TOKENIZER = text.ByteTokenizer()


def masked(content: bytes, way="tokens", length=64, seed=(1, 2), rate=0.15):
    seed = None if seed is None else tf.constant(seed)
    inputs, targets = masking.mask_text(content, TOKENIZER, length, way, rate, seed)
    return inputs["ids"].numpy(), inputs["mask"].numpy(), targets.numpy()


@pytest.mark.parametrize("way", ["tokens", "words"])
def test_targets_are_what_is_hidden_and_nothing_else(way):
    content = b"Some words, and  more\twords.\n" * 3
    ids, there, targets = masked(content, way, length=100, rate=0.5)
    hidden = targets >= 0
    assert 0 < hidden.sum() < there.sum() == len(content)
    assert (ids[hidden] == text.MASK).all() and not hidden[~there].any()
    whole = np.where(hidden, targets, ids)[there]
    assert whole.tolist() == [byte + 6 for byte in content]


def test_words_are_masked_whole_and_white_space_never():
    content = (b"ab cde  f\n" * 12)[:100]
    seen = set()
    for number in range(8):
        hidden = masked(content, "words", 100, seed=(number, 0), rate=0.4)[2] >= 0
        places = {  # in Python: each word's places
            tuple(range(m.start(), m.end())) for m in re.finditer(rb"\S+", content)
        }
        for word in places:
            assert len({bool(hidden[place]) for place in word}) == 1
            seen.add(bool(hidden[word[0]]))
        assert hidden.sum() == sum(len(word) for word in places if hidden[word[0]])
    assert seen == {True, False}


def test_the_rate_is_that_of_the_words():
    """4,000 words of lengths 1 to 9: within four standard errors of 15 %."""
    words = [b"x" * (1 + i % 9) for i in range(4000)]
    content = b" ".join(words)
    hidden = masked(content, "words", len(content))[2] >= 0
    starts = np.cumsum([0, *(len(word) + 1 for word in words[:-1])])
    assert abs(hidden[starts].mean() - 0.15) < 4 * np.sqrt(0.15 * 0.85 / 4000)


def test_crops_come_from_everywhere_and_evaluation_needs_no_seed():
    content = bytes(range(32, 127)) * 2
    starts = {int(masked(content, length=16, seed=(n, 7), rate=0.0)[0][0]) for n in range(12)}
    assert len(starts) > 8
    first, again = masked(content, seed=None), masked(content, seed=None)
    for a, b in zip(first, again, strict=True):
        np.testing.assert_array_equal(a, b)
    assert (first[2] >= 0).any()
    other = masked(content[1:] + b"!", seed=None)
    assert (first[2] != other[2]).any()


@pytest.mark.parametrize("way", ["tokens", "words"])
@pytest.mark.parametrize("seed", [(1, 2), None], ids=["training", "evaluation"])
def test_an_empty_text_asks_nothing(way, seed):
    def of(content):
        return masking.mask_text(
            content, TOKENIZER, 8, way, 0.5, None if seed is None else tf.constant(seed)
        )

    data = tf.data.Dataset.from_tensors(b"").map(of)
    for inputs, targets in (of(b""), *data):
        assert not np.asarray(inputs["mask"]).any() and (np.asarray(targets) == -1).all()


def test_a_text_that_asks_itself_is_asked_nothing_else():
    ids, there, targets = masked(b"x" * 300 + b"[MASK]" + b"y" * 300, seed=None)
    assert (ids == text.MASK).sum() == 1 and there.all() and (targets == -1).all()
    ids, _, _ = masked(b"a [MASK] is text while training", rate=0.0)
    assert text.MASK not in ids
