"""Answers to GLUE's test sets in the files that its server takes."""

from __future__ import annotations

import dataclasses

import pytest
import tensorflow_datasets as tfds

from perceiver_keras.config_tree import override
from perceiver_keras.errors import UsageError
from perceiver_keras.tasks.glue import submission
from perceiver_keras.tasks.glue.model import GlueModel
from tests.tasks.glue.small import CONFIG, model_of


def test_prediction_files_are_the_server_s(tmp_path, monkeypatch):
    """On TFDS's own features by mock_data; the file's names and words are the server's."""
    model = model_of(override(CONFIG, 'model.tasks=["cola","stsb","rte"]'))
    monkeypatch.setattr(submission.source, "open_builder", lambda name, _: tfds.builder(name))
    with tfds.testing.mock_data(num_examples=3):
        paths = submission.write_predictions(model, tmp_path)
    assert [path.name for path in paths] == ["CoLA.tsv", "STS-B.tsv", "RTE.tsv", "WNLI.tsv"]
    lines = {path.stem: path.read_text().splitlines() for path in paths}
    for rows in lines.values():
        assert rows[0] == "index\tprediction"
        places = [int(row.split("\t")[0]) for row in rows[1:]]
        assert len(places) == 3
        assert places == sorted(places)
    said = {name: {row.split("\t")[1] for row in rows[1:]} for name, rows in lines.items()}
    assert said["CoLA"] <= {"0", "1"}
    assert said["RTE"] <= {"entailment", "not_entailment"}
    assert said["WNLI"] == {"0"}
    assert all(0 <= float(score) <= 5 and len(score) == 5 for score in said["STS-B"])
    bare = GlueModel(dataclasses.replace(CONFIG.model, tasks=("rte",)))
    with pytest.raises(UsageError, match="from_preset or load"):
        submission.write_predictions(bare, tmp_path)
