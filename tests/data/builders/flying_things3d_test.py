"""FlyingThings3D from a small folder in its real layout, opened as a user opens it."""

from __future__ import annotations

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
