"""Stored examples are found by their places in a split, over several files."""

from __future__ import annotations

import base64
import io

import numpy as np
import pytest
from PIL import Image

from perceiver_keras.components.data import data_pictures
from perceiver_keras.data.store.records import write_records
from tests.components.data_samples import example

KINDS = {"image": "picture", "label": "label"}


@pytest.fixture(scope="module")
def folder(tmp_path_factory) -> str:
    """Three files of ten examples, whose pictures are as bright as their place."""
    folder = tmp_path_factory.mktemp("with [brackets]")
    for shard in range(3):
        rows = (example(10 * shard + n) for n in range(10))
        write_records(rows, f"{folder}/Split-train/data_tfrecord-0000{shard}-of-00003.gz")
    return str(folder)


def test_examples_are_found_by_their_place(folder: str) -> None:
    found = data_pictures.examples_at(folder, "train", [0, 9, 10, 29, 30, 1000])
    assert found == {place: example(place) for place in (0, 9, 10, 29)}
    assert data_pictures.examples_at(folder, "train", []) == {}
    assert data_pictures.examples_at(folder, "train and test", [0]) == {}


def test_of_a_long_split_only_the_beginning_is_looked_at(folder: str) -> None:
    assert data_pictures.examples_at(folder, "train", [0, 29], seconds=0) == {0: example(0)}


def test_what_is_shown_has_its_place_its_picture_and_its_class(folder: str) -> None:
    found = data_pictures.shown(
        data_pictures.examples_at(folder, "train", [17]), "train", KINDS, ["a", "b", "c"]
    )
    assert list(found) == [17] and found[17]["split"] == "train" and found[17]["index"] == 17
    picture, label = found[17]["parts"]
    stored = base64.b64decode(picture["picture"].partition(",")[2])
    assert (np.asarray(Image.open(io.BytesIO(stored))) == 17).all()
    assert label["words"] == "c"
