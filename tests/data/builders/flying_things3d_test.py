"""FlyingThings3D from a small folder in its real layout, opened as a user opens it."""

from __future__ import annotations

import numpy as np

from perceiver_keras.data.flow import formats
from tests.data.flow.flow_files import Maker, held, read


def test_forward_flow_of_both_cameras(tmp_path):
    make = Maker(tmp_path / "manual/flying_things3d")
    frames, flows = {}, {}
    for camera in ("left", "right"):
        for n in (6, 7):
            frames[camera, n] = make.picture(f"frames_cleanpass/TRAIN/A/0000/{camera}/{n:04}.png")
            flows[camera, n] = make.flow(
                f"optical_flow/TRAIN/A/0000/into_future/{camera}/"
                f"OpticalFlowIntoFuture_{n:04}_{camera[0].upper()}.pfm"
            )
    found = read("flying_things3d/clean", tmp_path)
    assert set(found) == {"TRAIN/A/0000/left/0006", "TRAIN/A/0000/right/0006"}  # 7 leads nowhere
    for camera in ("left", "right"):
        held(
            found[f"TRAIN/A/0000/{camera}/0006"],
            *(frames[camera, 6], frames[camera, 7], flows[camera, 6]),
        )


def test_flow_that_is_nan_is_not_valid(tmp_path):
    make = Maker(tmp_path / "manual/flying_things3d")
    frames = [make.picture(f"frames_cleanpass/TRAIN/A/0000/left/{n:04}.png") for n in (6, 7)]
    name = "optical_flow/TRAIN/A/0000/into_future/left/OpticalFlowIntoFuture_0006_L.pfm"
    flow = make.flow(name)
    broken = np.concatenate([flow, flow[..., :1]], -1)
    broken[2, 3, 1], broken[4, 0, 0] = np.nan, np.inf
    make.path(name).write_bytes(formats.encode_pfm_array(broken))
    valid = np.isfinite(broken[..., :2]).all(-1)
    found = read("flying_things3d/clean", tmp_path)
    held(found["TRAIN/A/0000/left/0006"], *frames, flow, valid)


def test_left_overs_are_no_cameras_and_no_scenes(tmp_path):
    make = Maker(tmp_path / "manual/flying_things3d")
    for n in (6, 7):
        make.picture(f"frames_cleanpass/TRAIN/A/0000/left/{n:04}.png")
    name = "optical_flow/TRAIN/A/0000/into_future/left/OpticalFlowIntoFuture_0006_L.pfm"
    make.flow(name)
    make.path("optical_flow/TRAIN/A/0000/into_future/.DS_Store").write_bytes(b"x")
    make.path(name.replace("/A/", "/__MACOSX/")).write_bytes(b"x")
    make.path(name.replace("left/", "left/._")).write_bytes(b"x")
    assert set(read("flying_things3d/clean", tmp_path)) == {"TRAIN/A/0000/left/0006"}
