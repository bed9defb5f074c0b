"""What was found and left out can be read again, by the data set's name."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from perceiver_keras.data.own import pictures, told
from perceiver_keras.data.own.found import Place
from perceiver_keras.data.own.prepare import prepare


def test_the_rows_and_the_reasons_are_those_of_the_data(tmp_path: Path) -> None:
    root, data = tmp_path / "pictures", str(tmp_path / "data")
    rng = np.random.default_rng(0)
    for number in range(12):
        path = root / "ab"[number % 2] / f"{number}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(rng.integers(0, 256, (9, 9, 3), np.uint8)).save(path)
    (root / "a" / "broken.jpg").write_bytes(b"\xff\xd8\xff\xe0 no picture")
    found = pictures.look(Place(given=root, root=root, store=tmp_path / "store"))
    left_out = prepare(found, data, max_corrupt_share=0.2)
    assert list(left_out) == ["a/broken.jpg"]
    assert told.letters(found.dataset, data) == left_out
    assert told.rows(found.dataset, data) == [list(row) for row in found.rows()]


@pytest.mark.parametrize("dataset", ["perceiver_digits", "own_data/pictures-0"])
def test_there_is_nothing_to_tell_of_data_that_was_not_prepared(dataset, tmp_path: Path) -> None:
    assert told.rows(dataset, str(tmp_path)) == [] and told.letters(dataset, str(tmp_path)) == {}
