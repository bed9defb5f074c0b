"""KITTI's two years from small folders in their real layouts, opened as a user opens them."""

from __future__ import annotations

import numpy as np
import pytest

from perceiver_keras.data.flow import formats
from tests.data.flow.flow_files import SIZE, Maker, held, read


@pytest.mark.parametrize("year, folder", [("2015", "image_2"), ("2012", "image_0")])
def test_a_year_with_its_occlusions(tmp_path, year, folder):
    make = Maker(tmp_path / f"manual/kitti_flow/{year}/training")
    mode = "L" if folder == "image_0" else "RGB"  # the cameras of 2012's image_0 are grey
    frames = [make.picture(f"{folder}/000003_{n}.png", mode=mode) for n in (10, 11)]
    valid = np.arange(35).reshape(SIZE) % 3 > 0
    flow = make.flow("flow_occ/000003_10.png", valid)
    visible = valid & (np.arange(35).reshape(SIZE) % 5 > 0)
    formats.write_flow(make.path("flow_noc/000003_10.png"), flow, visible)
    found = read(f"kitti_flow/{year}", tmp_path)
    held(found["000003_10"], *frames, flow, valid, valid & ~visible)
