"""Eight small tasks made from Python's documentation: each keeps its rules, its size and its splits."""

from __future__ import annotations

import numpy as np
import pytest

from perceiver_keras.data.builders.perceiver_docs import perceiver_docs_dataset_builder as docs
from perceiver_keras.data.builders.perceiver_glue import standin
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
    return {split: list(standin.examples(texts[split], split)) for split in SPLITS}


def of(made, task, split="test"):
    return [pair for name, pair in made[split] if name == task]


def words(text):
    return sorted(text.split())


def test_every_task_has_its_examples_and_labels(made):
    for split, rows in made.items():
        assert {name for name, _ in rows} == set(EIGHT)
        for name in EIGHT:
            row, own = task_named(name), of(made, name, split)
            assert len(own) <= standin.EACH.get(split, standin.TRAIN[name])
            assert len(own) >= 0.9 * standin.EACH.get(split, standin.TRAIN[name])
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
    assert list(standin.examples(texts["validation"], "validation")) == made["validation"]
    assert not set(texts["train"]) & (set(texts["test"]) | set(texts["validation"]))


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
