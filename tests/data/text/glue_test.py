"""The table of GLUE's tasks, against TFDS's own and the files that GLUE's server takes."""

from __future__ import annotations

import pytest
import tensorflow_datasets as tfds

from perceiver_keras.data.text.glue import EIGHT, TASKS, task_named
from perceiver_keras.errors import UsageError


def test_the_table_of_tasks_is_tfds_s_own():
    """Names of features and classes, in TFDS's order: a label means the same here and there."""
    configs = {config.name: config for config in tfds.builder_cls("glue").BUILDER_CONFIGS}
    for row in TASKS:
        config = configs[row.name]
        assert set(row.sentences) == set(config.text_features)
        assert tuple(config.label_classes or ()) == row.labels
    with pytest.raises(UsageError, match="Did you mean 'stsb'"):
        task_named("stbs")


def test_every_file_of_the_server_has_a_row():
    files = "CoLA SST-2 MRPC STS-B QQP MNLI-m MNLI-mm QNLI RTE WNLI AX"
    assert [row.file for row in TASKS] == files.split()


def test_the_eight_of_the_paper_and_the_rows_that_answer_with_their_heads():
    """The paper leaves out WNLI, as BERT did; MNLI's second set and the diagnostics have MNLI's classes."""
    assert EIGHT == ("cola", "sst2", "mrpc", "stsb", "qqp", "mnli", "qnli", "rte")
    assert {row.name: row.head for row in TASKS if row.head} == {
        "mnli_mismatched": "mnli",
        "ax": "mnli",
    }
    for row in TASKS:
        assert TASKS[row.number] is row
        assert not row.head or row.labels == task_named(row.head).labels
