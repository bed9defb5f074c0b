"""A user's own pairs, opened as a user opens them."""

from __future__ import annotations

import pytest

from perceiver_keras.data.store import source
from perceiver_keras.errors import PerceiverError
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


def test_left_overs_of_other_systems_are_passed_over(tmp_path, caplog):
    """Also where a folder of a split holds nothing but them."""
    make = Maker(tmp_path / "manual/flow_folder")
    frames = [make.picture(f"train/a_img{n}.png") for n in (1, 2)]
    flow = make.flow("train/a_flow.flo")
    for name in ("a_flow.flo", "a_img1.png", "a_img2.png"):
        make.path(f"train/._{name}").write_bytes(b"\0\5\x16\7 of a Mac")
        make.path(f"train/.ipynb_checkpoints/{name}").write_bytes(b"a copy")
        make.path(f"train/__MACOSX/{name}").write_bytes(b"a copy")
    make.path("train/b_flow.flo").write_bytes(b"")
    make.path("validation/.DS_Store").write_bytes(b"x")
    make.path("train/c_flow.flo/x").write_bytes(b"x")
    with caplog.at_level("INFO"):
        found = read("flow_folder", tmp_path)
    assert set(found) == {"a"}
    held(found["a"], *frames, flow)
    told = [r.getMessage() for r in caplog.records if "passed over" in r.getMessage()]
    assert told == [
        "flow_folder: passed over 1 empty, 4 hidden, 1 hidden (folders), 1 left by a system (folders)"
    ]


def test_pairs_that_are_not_taken_are_said(tmp_path, caplog):
    make = Maker(tmp_path / "manual/flow_folder")
    for name in ("train/1", "train/2", "more/3"):
        make.picture(f"{name}_img1.png"), make.picture(f"{name}_img2.png")
    make.flow("train/1_flow.flo"), make.flow("more/3_flow.flo")
    with caplog.at_level("INFO"):
        assert set(read("flow_folder", tmp_path)) == {"1"}
    assert (
        "flow_folder: passed over 1 flow in no folder of a split, 1 pairs of frames without flow"
        in caplog.text
    )


def test_folders_of_splits_have_their_usual_names(tmp_path):
    make = Maker(tmp_path / "manual/flow_folder")
    for split in ("train", "val", "test"):
        make.picture(f"{split}/1.png"), make.picture(f"{split}/2.png"), make.flow(f"{split}/1.flo")
    for split in ("train", "validation", "test"):
        assert set(read("flow_folder", tmp_path, split)) == {"1"}


@pytest.mark.parametrize("damage", ["empty frame", "cut frame", "cut flow", "other size"])
def test_a_damaged_pair_is_left_out_by_name_up_to_the_share(tmp_path, damage):
    make = Maker(tmp_path / "manual/flow_folder")
    for pair in range(4):
        make.picture(f"{pair}_img1.png"), make.picture(f"{pair}_img2.png")
        make.flow(f"{pair}_flow.flo")
    frame, flow = make.path("2_img2.png"), make.path("2_flow.flo")
    if damage == "other size":
        make.picture("2_img2.png", (4, 7))
    elif damage == "cut flow":
        flow.write_bytes(flow.read_bytes()[:-9])
    else:
        frame.write_bytes(b"" if damage == "empty frame" else frame.read_bytes()[:60])
    with pytest.raises(PerceiverError, match=r"1 of 4 can't be read: 2_flow.flo \(.*share=0.25"):
        source.open_builder("flow_folder", str(tmp_path))
    source.open_builder("flow_folder", str(tmp_path), max_corrupt_share=0.25)
    assert set(read("flow_folder", tmp_path)) == {"0", "1", "3"}
