"""AutoFlow's static set from a small folder in its real layout, opened as a user opens it."""

from __future__ import annotations

import pytest

from perceiver_keras.data.store import source
from perceiver_keras.errors import PerceiverError
from tests.data.flow.flow_files import Maker, held, read


def test_a_folder_named_by_the_environment(tmp_path, monkeypatch):
    make = Maker(tmp_path / "elsewhere")
    truth = [make.picture("part_1/000/im0.png"), make.picture("part_1/000/im1.png")]
    truth.append(make.flow("part_1/000/forward.flo"))
    with pytest.raises(PerceiverError, match="im0.png, im1.png and forward.flo.*looked for in"):
        source.open_builder("autoflow_static", str(tmp_path / "data"))
    monkeypatch.setenv("PERCEIVER_MANUAL_DIR", str(make.root))
    held(read("autoflow_static", tmp_path / "data")["part_1/000"], *truth)
