"""Tables of n-grams: what they have seen they know, and otherwise they fall back on shorter contexts."""

from __future__ import annotations

import numpy as np

from perceiver_keras.tasks.language_mlm import ngrams


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


def test_the_longest_seen_context_decides_even_against_a_commoner_one():
    """Between "x" and "y", b is commoner; the whole context says a. By plain search in Python."""
    seen = [b"0123xa5678", b"..xby..", b"--xby--", b"++xby++"]
    text, place = b"0123x?5678", 5
    found = ngrams.ngram_guesses(
        seen, np.frombuffer(text, np.uint8)[None], np.arange(10)[None] == place
    )
    context = b"123x", b"567"
    (match,) = [one for one in seen if context[0] in one and context[1] in one]
    assert bytes(found) == match[place : place + 1] == b"a"
