"""Texts that were changed a little are found again; the overlap is that of the sets themselves."""

from __future__ import annotations

import random

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from perceiver_keras.data.alike import texts
from perceiver_keras.data.alike.part import PLAIN
from perceiver_keras.data.described.decode import Decoded
from tests.data.alike.samples import bodies, found

PROSE = (
    "The with statement is used to wrap the execution of a block with methods defined by a context manager. "
    "This allows common try except finally usage patterns to be encapsulated for convenient reuse. "
    "The context expression is evaluated to obtain a context manager, whose enter method is loaded for later use."
)


def part(text: str | bytes):
    return texts.part(Decoded("text", text if isinstance(text, bytes) else text.encode()))


def same(a: str | bytes, b: str | bytes) -> bool:
    return found(texts.SKETCH, part(a), part(b))


def overlap(a: str, b: str) -> float:
    """The Jaccard index, by its definition."""
    sets = []
    for words in map(texts.normalised, (a, b)):
        sets.append({words[n : n + texts.GRAM] for n in range(len(words) - texts.GRAM + 1)})
    return len(sets[0] & sets[1]) / len(sets[0] | sets[1])


@pytest.mark.parametrize(
    "changed",
    [
        PROSE.upper(),
        PROSE.replace(" ", "  \n\t"),
        PROSE.replace(".", " !").replace(",", ";"),
        "«" + PROSE + "»\r\n",
        PROSE.replace("convenient", "easy"),
        PROSE[: int(len(PROSE) * 0.8)],
        "Note: " + PROSE,
    ],
)
def test_a_changed_text_is_found(changed):
    assert same(PROSE, changed)


@pytest.mark.parametrize(
    "other",
    [
        PROSE[: len(PROSE) // 2],
        " ".join(random.Random(0).sample(PROSE.split(), len(PROSE.split()))),
    ],
)
def test_half_of_a_text_and_its_words_in_another_order_are_other_texts(other):
    assert not same(PROSE, other)


def test_a_short_text_is_the_same_only_with_the_same_words():
    assert same("Great movie!", "great  MOVIE")
    assert not same("Great movie!", "Great movies!")
    assert not same("a film that is great", "a film that is grey")


@pytest.mark.parametrize(
    ("text", "changed"),
    [
        ("Straße und Fluß", "STRASSE UND FLUSS"),
        ("ﬁne ｗｏｒｄｓ", "fine words"),
        ("हिन्दी में लिखा", "हिन्दी में लिखा।"),
        ("今日は良い天気ですね", "今日は、良い天気ですね。"),
    ],
)
def test_scripts_have_their_own_rules(text, changed):
    assert same(text, changed)


def test_marks_that_change_a_word_count():
    assert not same("हिन्दी", "हन्द")  # the vowels' signs are marks, not letters


def test_a_long_chinese_text_is_compared_without_spaces():
    text = "".join(chr(0x4E00 + n * 7 % 5000) for n in range(200))
    assert same(text, text[:100] + "人" + text[101:])
    assert not same(text, text[100:] + text[:40])


def test_bytes_that_are_not_utf8_are_a_text_too():
    assert same(b"caf\xe9 au lait", b"caf\xe9  au lait!")
    assert part(b"\xff\xfe").keys == ()


def test_an_empty_text_is_plain():
    assert part(" \r\n ").state == PLAIN


def test_the_estimate_is_the_overlap():
    rng = random.Random(1)
    words = PROSE.split()
    off = []
    for share in (0.02, 0.05, 0.1, 0.2):
        changed = " ".join("other" if rng.random() < share else word for word in words)
        signatures = [bodies([part(text)])[0, 12:].view("<u2") for text in (PROSE, changed)]
        off.append((signatures[0] == signatures[1]).mean() - overlap(PROSE, changed))
    assert np.abs(off).max() < 0.12  # three standard errors


@given(st.text(), st.text())
def test_nearness_is_symmetric_and_everything_is_near_itself(a, b):
    parts = [found for found in map(part, (a, b)) if found.body]
    if parts:
        near = texts.near(bodies(parts), bodies(parts))
        np.testing.assert_array_equal(near, near.T)
        assert near.diagonal().all()


@given(st.text(min_size=1))
def test_case_and_white_space_do_not_count(text):
    assert texts.normalised("  ".join(text.casefold().split())) == texts.normalised(text)
