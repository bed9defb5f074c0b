"""What is read of a SavedModel's folder without loading it."""

from __future__ import annotations

import json
import shutil

import numpy as np
import pytest
import tensorflow as tf

from perceiver_keras.errors import PerceiverError
from perceiver_keras.export import export_saved_model
from perceiver_keras.saved_model import (
    disallowed_ops,
    graph_ops,
    latest_version,
    missing_files,
    read_task,
    versions,
)
from perceiver_keras.serve import Servable
from tests import tiny_task as tiny


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = str(tmp_path_factory.mktemp("saved") / "model")
    return export_saved_model(tiny.TASK, tiny.CONFIG, tiny.model(), folder, labels=tiny.LABELS)


def test_the_newest_version_by_number_not_by_name(folder, tmp_path):
    for name in ("9", "10", "11.tmp", "twelve", ".push-99"):
        shutil.copytree(folder, tmp_path / name)
    (tmp_path / "13").write_text("a file")
    assert latest_version(str(tmp_path)) == str(tmp_path / "10")
    assert versions(str(tmp_path)) == [9, 10]
    assert Servable(str(tmp_path)).version == 10


def test_leading_zeros_and_folders_that_are_absent_are_not_versions(tmp_path):
    (tmp_path / "07").mkdir()
    assert versions(str(tmp_path)) == []
    assert versions(str(tmp_path / "none")) == []


def test_missing_files_are_named(folder, tmp_path):
    assert missing_files(folder) == []
    copy = shutil.copytree(folder, tmp_path / "copy")
    (copy / "saved_model.pb").unlink()
    for file in (copy / "variables").iterdir():
        file.unlink()
    data = "variables/variables.data-00000-of-00001"
    assert missing_files(str(copy)) == ["saved_model.pb", "variables/variables.index", data]


def test_a_model_of_others_has_no_task(folder, tmp_path):
    tf.saved_model.save(tf.Module(), str(tmp_path / "other"))
    assert read_task(str(tmp_path / "other")) == {}
    with open(f"{folder}/assets.extra/task.json") as file:
        assert read_task(folder) == json.load(file)


def test_a_damaged_task_is_named(tmp_path):
    (tmp_path / "assets.extra").mkdir()
    (tmp_path / "assets.extra" / "task.json").write_text('{"task": ')
    with pytest.raises(
        PerceiverError, match="assets.extra/task.json is damaged .*; export or push"
    ):
        read_task(str(tmp_path))


def test_the_allow_list(folder, tmp_path):
    assert disallowed_ops(folder) == set()

    class Python(tf.Module):
        @tf.function(input_signature=[tf.TensorSpec([], tf.float32)])
        def f(self, x):
            return tf.cond(x > 0, lambda: tf.numpy_function(np.sin, [x], tf.float32), lambda: x)

    tf.saved_model.save(Python(), str(tmp_path / "python"))
    assert disallowed_ops(str(tmp_path / "python")) == {"PyFunc"}  # in a branch of a function


def test_ops_are_those_that_the_graph_runs(folder):
    ops = graph_ops(folder)
    assert {"DecodePng", "ParseExampleV2", "Softmax"} <= ops


def test_ops_of_tf_text_other_than_sentencepiece_are_refused(tmp_path):
    text = pytest.importorskip("tensorflow_text")

    class Text(tf.Module):
        @tf.function(input_signature=[tf.TensorSpec([None], tf.string)])
        def f(self, x):
            return text.WhitespaceTokenizer().tokenize(x).to_tensor()

    tf.saved_model.save(Text(), str(tmp_path / "text"))
    refused = disallowed_ops(str(tmp_path / "text"))
    assert refused and all(op.startswith("TFText>") for op in refused)
