"""The file of a run's history: whole, replaced, and an error in words where it can't be written."""

from __future__ import annotations

import json

import pytest
import tensorflow as tf

from perceiver_keras.errors import PerceiverError
from perceiver_keras.training.history import write_history


def test_each_write_replaces_the_file_and_leaves_nothing_else(tmp_path):
    for place in (f"{tmp_path}/logs", "ram://history_test/logs"):
        for steps in (1, 2):
            values = {"history": [{"step": step} for step in range(steps)], "best": None}
            write_history(place, values)
            with tf.io.gfile.GFile(f"{place}/history.json") as file:
                assert json.loads(file.read()) == values
        assert tf.io.gfile.listdir(place) == ["history.json"]


def test_a_folder_that_can_not_be_made_is_named(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(PerceiverError, match="history.json: can't be written"):
        write_history(tmp_path / "file" / "logs", {})
