"""Tables of n-grams: what they have seen they know, and otherwise they fall back on shorter contexts."""

from __future__ import annotations

import numpy as np

from perceiver_keras.tasks.language_mlm import ngrams


def numbers(text: bytes) -> np.ndarray:
    return np.frombuffer(text, np.uint8)


def test_ngrams_know_what_they_have_seen_and_back_off():
    seen = [b"the cat sat on a mat", b"a dog sat on a log"]
    asked = np.frombuffer(b"the cat sat on a mat" + b"zzz?zzz".ljust(20, b"\0"), np.uint8)
    asked = asked.reshape(2, 20).copy()
    hidden = np.zeros((2, 20), bool)
    hidden[0, [4, 5]], hidden[1, 3] = True, True
    guesses = ngrams.ngram_guesses([numbers(text) for text in seen], asked, hidden)
    assert guesses.tolist()[:2] == [ord("c"), ord("a")]  # each from the side that is not hidden
    counts = np.bincount(np.frombuffer(b"".join(seen), np.uint8))
    assert counts[guesses[2]] == counts.max()  # nothing of it was seen: the commonest byte


def test_the_longest_seen_context_decides_even_against_a_commoner_one():
    """Between "x" and "y", b is commoner; the whole context says a. By plain search in Python."""
    seen = [b"0123xa5678", b"..xby..", b"--xby--", b"++xby++"]
    text, place = b"0123x?5678", 5
    found = ngrams.ngram_guesses(
        [numbers(one) for one in seen], numbers(text)[None], np.arange(10)[None] == place
    )
    context = b"123x", b"567"
    (match,) = [one for one in seen if context[0] in one and context[1] in one]
    assert bytes(found.tolist()) == match[place : place + 1] == b"a"


def test_large_vocabularies_have_narrower_contexts_and_whole_numbers():
    """Tokens beyond a byte; of 50,000, three around the hidden one fit into a key, and four don't."""
    seen = [np.array([40_001, 300, 49_999, 7, 301]), np.array([40_002, 300, 41_234, 7, 302])]
    hidden = np.arange(5)[None] == 2
    for row, expected in ((seen[0], 49_999), (seen[1], 41_234)):
        (guess,) = ngrams.ngram_guesses(seen, row[None], hidden, 50_000)
        assert guess == expected
