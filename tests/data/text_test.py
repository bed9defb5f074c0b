"""Bytes to ids and back, masks and crops, against plain Python."""

from __future__ import annotations

import re

import numpy as np
import pytest
import tensorflow as tf
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from perceiver_keras.data.text import byte_tokenizer as text
from perceiver_keras.data.text import masking
from perceiver_keras.tasks.language_mlm import ngrams

TOKENIZER = text.ByteTokenizer()


def plain_ids(content: bytes) -> list[int]:
    """The official rule in Python: byte + 6, and 3 for each "[MASK]"."""
    parts = [[byte + 6 for byte in part] for part in content.split(b"[MASK]")]
    return sum(([3, *part] for part in parts[1:]), parts[0])


ANY = st.lists(
    st.sampled_from([b"[MASK]", b"[MASK", b"ASK]", b"[", b"\xff\xfe", "é€😀".encode(), b"\0a "])
).map(b"".join)
GRAPH = tf.function(text.byte_ids, input_signature=[tf.TensorSpec([None], tf.string)])


@settings(max_examples=15, deadline=None, suppress_health_check=list(HealthCheck))
@given(contents=st.lists(ANY, max_size=4))
def test_any_bytes_there_and_back(contents):
    """Eager and graph, whatever the bytes; nothing is lost, and what is shown is valid UTF-8."""
    ids = text.byte_ids(tf.constant(contents, tf.string))
    assert ids.to_list() == [plain_ids(content) for content in contents]
    assert GRAPH(tf.constant(contents, tf.string)).to_list() == ids.to_list()
    assert text.byte_text(ids, valid=False).numpy().tolist() == contents
    for shown, content in zip(text.byte_text(ids).numpy(), contents, strict=True):
        assert "\ufffd" in shown.decode() or shown == content


def test_one_text_is_cut_with_a_count_or_padded():
    long = text.encode("a[MASK]bcdef", 4)
    assert long.ids.numpy().tolist() == [103, 3, 104, 105] and int(long.cut) == 3
    short = text.encode(b"", 4)
    assert short.ids.numpy().tolist() == [0] * 4 and not short.mask.numpy().any()
    assert text.encode("[MASK]", 6, specials=False).ids.numpy().tolist() == [97, 83, 71, 89, 81, 99]
    assert text.decode(tf.constant([3, 7, 0, 500, -1, 70])) == b"[MASK]\x01@"


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


def test_ngrams_know_what_they_have_seen_and_back_off():
    seen = [b"the cat sat on a mat", b"a dog sat on a log"]
    asked = np.frombuffer(b"the cat sat on a mat" + b"zzz?zzz".ljust(20, b"\0"), np.uint8)
    asked = asked.reshape(2, 20).copy()
    hidden = np.zeros((2, 20), bool)
    hidden[0, [4, 5]], hidden[1, 3] = True, True
    guesses = ngrams.ngram_guesses(seen, asked, hidden)
    assert guesses.tolist()[:2] == [ord("c"), ord("a")]  # each from the side that is not hidden
    counts = np.bincount(np.frombuffer(b"".join(seen), np.uint8))
    assert counts[guesses[2]] == counts.max()  # nothing of it was seen: the commonest byte
