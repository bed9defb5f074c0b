"""Source code of the standard library by subject: no near-duplicates in two splits, classes of about one size."""

from __future__ import annotations

from collections import Counter

import numpy as np
import pytest
from sklearn.feature_extraction.text import CountVectorizer

from perceiver_keras.data.builders.perceiver_subjects import (
    perceiver_subjects_dataset_builder as subjects,
)


@pytest.fixture(scope="module")
def found() -> dict[str, list[tuple[str, str]]]:
    return subjects.examples(subjects.texts())


def test_pieces_are_whole_words_and_fit() -> None:
    text = "words of a paragraph that is longer than one piece can be, und für Überlängen too\n" * 9
    pieces = subjects.pieces(text)
    assert len(pieces) > 3 and " ".join(pieces).split() == text.split()
    assert all(len(piece.encode()) <= subjects.PIECE for piece in pieces)
    assert subjects.pieces("too short 123 456") == subjects.pieces("") == []
    assert subjects.pieces("x" * 300) == []


def test_paragraphs_are_what_empty_lines_separate() -> None:
    assert subjects.paragraphs("a\nb\n\nc\n  \n\n d") == ["a\nb", "c", " d"]


def test_subjects_are_about_equally_common(found) -> None:
    for split, rows in found.items():
        counts = Counter(subject for _, subject in rows)
        assert set(counts) == set(subjects.SUBJECTS)
        assert max(counts.values()) <= subjects.MOST[split]
        assert max(counts.values()) < 1.5 * len(rows) / len(subjects.SUBJECTS)


def test_no_tested_piece_is_nearly_one_that_was_trained_on(found) -> None:
    """By the share of common runs of six letters (Jaccard), against all others: scikit-learn counts them."""
    letters = {split: [subjects.letters(t) for t, _ in rows] for split, rows in found.items()}
    runs = CountVectorizer(analyzer="char", ngram_range=(6, 6), binary=True)
    train = runs.fit_transform(letters["train"])
    for split in ("validation", "test"):
        held = runs.transform(letters[split])
        common = held @ train.T
        sizes = np.asarray([max(len(set(_sixes(t))), 1) for t in letters[split]])
        likest = np.asarray(common.max(axis=1).todense())[:, 0] / sizes
        assert likest.max() < 0.75


def _sixes(text: str) -> list[str]:
    return [text[i : i + 6] for i in range(len(text) - 5)]


def test_a_changed_word_or_a_longer_text_does_not_make_a_new_example() -> None:
    sentence = "the quick brown fox jumps over the lazy dogs of {}"
    names = ("london", "paris", "rome", "oslo", "bern", "madrid", "lisbon and many other towns")
    texts = {"a": [sentence.format(name) for name in names]}
    assert len({subjects.split_of(text) for text in texts["a"]}) > 1
    kept = subjects.examples(texts)
    assert len([split for split, rows in kept.items() if rows]) == 1, kept


def test_the_examples_are_the_same_every_time(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(subjects, "SUBJECTS", {"numbers": "fractions statistics"})
    assert subjects.examples(subjects.texts()) == subjects.examples(subjects.texts())
    assert subjects.split_of("Some words, here.") == subjects.split_of("some words here 2")
