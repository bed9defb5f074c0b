"""Eight small tasks made from Python's documentation: each keeps its rules, its size and its splits."""

from __future__ import annotations

import collections
import itertools
import re

import numpy as np
import pytest

from perceiver_keras.data.alike.example import alike_pairs, fingerprint
from perceiver_keras.data.builders.perceiver_docs import perceiver_docs_dataset_builder as docs
from perceiver_keras.data.builders.perceiver_glue import standin
from perceiver_keras.data.described.decode import decode_example
from perceiver_keras.data.text.glue import EIGHT, task_named

SPLITS = ("train", "validation", "test")


@pytest.fixture(scope="module")
def texts():
    found = docs.documents()
    return {
        split: {name: text for name, text in found.items() if docs.split_of(name) == split}
        for split in SPLITS
    }


@pytest.fixture(scope="module")
def made(texts):
    return {split: list(standin.examples(texts, split)) for split in SPLITS}


def of(made, task, split="test"):
    return [pair for name, pair in made[split] if name == task]


def words(text):
    return sorted(text.split())


def test_every_task_has_its_examples_and_labels(made):
    for split, rows in made.items():
        assert {name for name, _ in rows} == set(EIGHT)
        for name in EIGHT:
            row, own = task_named(name), of(made, name, split)
            assert len(own) == standin.EACH.get(split, standin.TRAIN[name])
            labels = {pair.label for pair in own}
            if row.labels:
                assert labels == set(range(row.classes))
            else:
                assert min(labels) == row.low
                assert max(labels) == row.high
            for pair in own:
                assert bool(pair.sentence2) == (len(row.sentences) > 1)


def test_a_model_of_64_places_reads_all(made):
    for rows in made.values():
        assert max(len(pair.sentence1) + 1 + len(pair.sentence2) for _, pair in rows) <= 61


def test_it_is_the_same_every_time_and_shares_no_document(made, texts):
    assert list(standin.examples(texts, "validation")) == made["validation"]
    assert not set(texts["train"]) & (set(texts["test"]) | set(texts["validation"]))


def test_no_example_is_in_two_splits_or_nearly(made):
    """By the fingerprints of the pipeline's check for leaks; those that share a key are compared."""
    kinds = {"task": "category", "sentence1": "text", "sentence2": "text"}
    holders = collections.defaultdict(lambda: {split: [] for split in SPLITS})
    for split, rows in made.items():
        for task, pair in rows:
            stored = {"task": task, "sentence1": pair.sentence1, "sentence2": pair.sentence2}
            stored = {name: [text.encode()] for name, text in stored.items()}
            found = fingerprint(decode_example(stored, kinds))
            for key in found.keys:
                holders[key][split].append(found.print)
    compared = 0
    for held in holders.values():
        for ours, theirs in itertools.combinations(SPLITS, 2):
            if held[ours] and held[theirs]:
                compared += 1
                assert not alike_pairs(held[ours], held[theirs]).any()
    assert compared > 100


def letters(text):
    return re.sub(r"[^a-z0-9]", "", text.lower())


def test_no_phrase_of_the_documentation_is_in_two_splits(made):
    """Where the first sentence is a phrase as written."""
    seen = {}
    for split, rows in made.items():
        for task, pair in rows:
            if task in ("sst2", "mrpc", "stsb", "qqp", "mnli") or (task, pair.label) == ("cola", 1):
                key = (task, letters(pair.sentence1))
                assert seen.setdefault(key, split) == split


@pytest.mark.parametrize("earlier", ["test", "validation"])
def test_what_an_earlier_split_has_is_left_out_wherever_it_is_cut(earlier):
    shared = "the quick brown fox jumps over a lazy dog and never looks back at its friends again"
    own = " ".join(f"word{chr(97 + n)} goes on" for n in range(26))
    texts = {
        **dict.fromkeys(SPLITS, {}),
        earlier: {"a": shared},
        "train": {"b": f"Well then, {shared.upper()}", "c": own},
    }

    def known():
        """Training phrases that have 20 letters in a row of the shared sentence."""
        for task, pair in standin.examples(texts, "train"):
            text = letters(pair.sentence1)
            if task == "mrpc" or (task, pair.label) == ("cola", 1):
                parts = {text[start : start + 20] for start in range(len(text) - 19)}
                if any(part in letters(shared) for part in parts):
                    yield pair.sentence1

    assert not list(known())
    texts[earlier] = {}
    assert list(known())


def test_each_kind_means_what_it_says(made):
    for pair in of(made, "mrpc"):
        missing = len(pair.sentence1.split()) - len(pair.sentence2.split())
        kept = all(word in pair.sentence1.split() for word in pair.sentence2.split())
        assert pair.label == 0 or (missing == 1 and kept)
    for pair in of(made, "qqp"):
        assert pair.label == (words(pair.sentence1) == words(pair.sentence2))
    for pair in of(made, "qnli"):
        asked = pair.sentence1.removeprefix("where is ").removesuffix("?")
        assert (
            (asked not in pair.sentence2) or pair.label == 0 or asked not in pair.sentence2.split()
        )
    for pair in of(made, "sst2"):
        denied = {w.strip(".,;:()\"'").lower() for w in pair.sentence1.split()} & standin.NEGATIONS
        assert pair.label == (not denied)
    for pair in of(made, "mnli"):
        part = pair.sentence2 in pair.sentence1
        assert pair.label == 1 or part == (pair.label == 0)
    for pair in of(made, "stsb"):
        first, second = pair.sentence1.split(), pair.sentence2.split()
        share = np.mean([a == b for a, b in zip(first, second, strict=False)]) if second else 0
        if len(second) >= len(first):
            assert pair.label == pytest.approx(
                5 * share * min(len(first), len(second)) / len(first), abs=0.051
            )
