"""TensorBoard's files, read back, and what happens where they can't be written."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf

from perceiver_keras.training.board import Board, flat
from tests.tiny_training import CONFIG


def events(folder: Path) -> dict[str, tuple[int, object]]:
    """{tag: (step, value)} of all event files in a folder."""
    found = {}
    for path in folder.glob("events.*"):
        for event in tf.compat.v1.train.summary_iterator(str(path)):
            for value in event.summary.value:
                found[value.tag] = (event.step, tf.make_ndarray(value.tensor))
    return found


def test_scalars_settings_and_pictures_are_read_back(tmp_path):
    from matplotlib import pyplot

    said = []
    board = Board(tmp_path, said.append)
    board.settings(CONFIG)
    board.scalars("train", 7, {"loss": 0.5})
    board.scalars("validation", 8, {"loss": 0.25})
    figure = pyplot.figure(figsize=(2, 1), facecolor="red")
    board.pictures(8, lambda: {"Logits": figure})
    board.close()
    assert said == []
    train, validation = events(tmp_path / "train"), events(tmp_path / "validation")
    assert train["loss"] == (7, 0.5) and validation["loss"] == (8, 0.25)
    assert b'"num_latents": 1' in train["config"][1].item()
    step, (width, height, png) = validation["Logits"][0], validation["Logits"][1]
    assert (step, int(width), int(height)) == (8, 160, 80)
    picture = tf.io.decode_png(png)
    np.testing.assert_array_equal(picture[40, 80], [255, 0, 0, 255])
    assert not pyplot.fignum_exists(figure.number)


def test_what_fails_is_said_once_and_left_out(tmp_path):
    (tmp_path / "file").touch()
    said = []
    board = Board(tmp_path / "file" / "folder", said.append)
    for step in range(3):
        board.scalars("train", step, {"loss": 1.0})
    assert len(said) == 1 and said[0].startswith("TensorBoard: scalars left out (")

    def broken():
        raise ValueError("no picture")

    said = []
    board = Board(tmp_path / "log", said.append)
    board.pictures(1, broken)
    board.pictures(2, broken)
    assert said == ["TensorBoard: pictures left out (no picture)."]


@pytest.mark.parametrize(
    ("tree", "expected"),
    [
        ({"a": {"b": {"c": 1}, "d": True}, "e": "x"}, {"a.b.c": 1, "a.d": True, "e": "x"}),
        ({"a": None, "b": [1, 2], "c": 0.5}, {"a": "None", "b": "[1, 2]", "c": 0.5}),
    ],
)
def test_a_tree_of_settings_becomes_flat(tree, expected):
    assert flat(tree) == expected
