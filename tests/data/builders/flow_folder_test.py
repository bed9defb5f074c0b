"""A user's own pairs, opened as a user opens them."""

from __future__ import annotations

from tests.data.flow.flow_files import Maker, held, read


def test_a_folder_of_one_s_own(tmp_path):
    make = Maker(tmp_path / "manual/flow_folder")
    frames = [make.picture(f"train/walk/{n:03}.png") for n in (9, 10, 11)]
    flows = [make.flow("train/walk/009.flo"), make.flow("train/walk/010_flow.png")]
    named = [make.picture("test/a_img1.png"), make.picture("test/a_img2.png")]
    named += [make.flow("test/a_flow.pfm"), None, make.mask("test/a_occluded.png")]
    found = read("flow_folder", tmp_path)
    assert set(found) == {"walk/009", "walk/010"}
    held(found["walk/009"], frames[0], frames[1], flows[0])
    held(found["walk/010"], frames[1], frames[2], flows[1])
    held(read("flow_folder", tmp_path, "test")["a"], *named)
