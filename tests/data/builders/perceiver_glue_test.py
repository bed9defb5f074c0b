"""GLUE's tasks in one data set: TFDS's own GLUE under the same features."""

from __future__ import annotations

import pytest
import tensorflow_datasets as tfds

from perceiver_keras.data.builders.perceiver_glue import perceiver_glue_dataset_builder as glue
from perceiver_keras.data.store import source
from perceiver_keras.data.text.glue import task_named
from perceiver_keras.errors import PerceiverError


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


def test_the_stand_in_s_new_version_leaves_what_was_prepared_of_glue_valid(tmp_path):
    versions = {
        name: str(glue.Builder(config=name, data_dir=str(tmp_path)).version)
        for name in ("standin", "standin_rte", "glue", "glue_rte", "glue_wnli_ax")
    }
    assert versions == {
        "standin": "2.0.0",
        "standin_rte": "2.0.0",
        "glue": "1.0.0",
        "glue_rte": "1.0.0",
        "glue_wnli_ax": "1.0.0",
    }
