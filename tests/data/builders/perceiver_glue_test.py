"""GLUE's tasks in one data set: the stand-in's rules, and TFDS's own GLUE under the same features."""

from __future__ import annotations

import numpy as np
import pytest
import tensorflow_datasets as tfds

from perceiver_keras.data.builders.perceiver_docs import perceiver_docs_dataset_builder as docs
from perceiver_keras.data.builders.perceiver_glue import perceiver_glue_dataset_builder as glue
from perceiver_keras.data.builders.perceiver_glue import standin
from perceiver_keras.data.store import source
from perceiver_keras.data.text.glue import EIGHT, TASKS, task_named
from perceiver_keras.errors import PerceiverError, UsageError


@pytest.fixture(scope="module")
def texts():
    found = docs.documents()
    return {
        split: {name: text for name, text in found.items() if docs.split_of(name) == split}
        for split in glue.SPLITS
    }


@pytest.fixture(scope="module")
def made(texts):
    return {split: list(standin.examples(texts[split], split)) for split in glue.SPLITS}


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


def test_the_table_of_tasks_is_tfds_s_own():
    """Names of features and classes, in TFDS's order: a label means the same here and there."""
    configs = {config.name: config for config in tfds.builder_cls("glue").BUILDER_CONFIGS}
    for row in TASKS:
        config = configs[row.name]
        assert set(row.sentences) == set(config.text_features)
        assert tuple(config.label_classes or ()) == row.labels
    with pytest.raises(UsageError, match="Did you mean 'stsb'"):
        task_named("stbs")


def test_tfds_s_glue_under_our_features(tmp_path):
    """Tiny prepared sets of TFDS's own GLUE, MNLI with its second set."""
    for name in ("mnli", "stsb", "cola"):
        tiny_glue(name, tmp_path)
    sources = glue._sources(("mnli", "stsb", "cola"), str(tmp_path))
    found = {split: dict(glue._unified(sources, split)) for split in glue.SPLITS}
    assert {row["task"] for row in found["train"].values()} == {"mnli", "stsb", "cola"}
    assert {row["task"] for row in found["validation"].values()} == {
        "mnli",
        "mnli_mismatched",
        "stsb",
        "cola",
    }
    assert found["train"]["mnli-1"] == {
        "task": "mnli",
        "sentence1": b"premise 1 of train",
        "sentence2": b"hypothesis 1 of train",
        "label": 1.0,
        "idx": 1,
    }
    assert found["validation"]["cola-0"]["sentence2"] == ""
    assert found["train"]["stsb-1"]["label"] == 2.5
    assert {row["label"] for row in found["test"].values()} == {-1.0}


def tiny_glue(name, folder):
    """`glue/NAME` with two examples a split, as if TFDS had prepared it."""
    builder = tfds.builder(f"glue/{name}", data_dir=str(folder))
    row = task_named(name)
    splits = ["train", "validation", "test"]
    if name == "mnli":
        splits[1:] = [f"{s}_{m}" for s in splits[1:] for m in ("matched", "mismatched")]

    def example(split, number):
        answer = number if row.labels else 2.5
        label = -1 if split.startswith("test") else answer
        texts = {feature: f"{feature} {number} of {split}" for feature in row.sentences}
        return {**texts, "label": label, "idx": number}

    rows = {split: [(i, example(split, i)) for i in range(2)] for split in splits}
    builder._split_generators = lambda *_, **__: rows
    builder.download_and_prepare(
        download_config=tfds.download.DownloadConfig(try_download_gcs=False)
    )


def test_what_is_missing_is_named_with_the_way_to_get_it(tmp_path):
    with pytest.raises(PerceiverError, match=r"GLUE's cola is not in .*tfds build glue/cola"):
        source.open_builder("perceiver_glue/glue_cola", str(tmp_path))
