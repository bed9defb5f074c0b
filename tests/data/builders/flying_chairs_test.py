"""FlyingChairs from a small folder in its real layout, opened as a user opens it."""

from __future__ import annotations

import pytest

from perceiver_keras.data.flow import folders
from perceiver_keras.errors import UsageError
from tests.data.flow.flow_files import Maker, held, read


def test_each_pair_is_in_the_split_that_the_list_names(tmp_path):
    make = Maker(tmp_path / "manual/flying_chairs")
    make.path("FlyingChairs_train_val.txt").write_text("1\n2\n")
    pairs = [
        (
            make.picture(f"data/{n:05}_img1.ppm"),
            make.picture(f"data/{n:05}_img2.ppm"),
            make.flow(f"data/{n:05}_flow.flo"),
        )
        for n in (1, 2)
    ]
    held(read("flying_chairs", tmp_path)["00001"], *pairs[0])
    held(read("flying_chairs", tmp_path, "validation")["00002"], *pairs[1])
    make.path("FlyingChairs_train_val.txt").write_text("1\n")
    with pytest.raises(
        UsageError, match="has 1 numbers, but should have a 1 or 2 for each of the 2"
    ):
        folders.flying_chairs(make.root)
