"""Pairs of folders in the benchmarks' own layouts, and the messages about other layouts."""

from __future__ import annotations

import pytest

from perceiver_keras.data.flow import folders
from perceiver_keras.errors import UsageError
from tests.data.flow.flow_files import Maker


def touch(root, *names):
    for name in names:
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"")
    return root


def sintel_files(sequence, *numbers):
    frames = [
        f"training/{p}/{sequence}/frame_{n:04}.png" for p in ("clean", "final") for n in numbers
    ]
    flows = [f"training/flow/{sequence}/frame_{n:04}.flo" for n in numbers[:-1]]
    return *frames, *flows


def test_sintel_is_each_sequence_s_neighbours(tmp_path):
    touch(tmp_path, *sintel_files("bamboo_1", 1, 2), *sintel_files("alley_1", *range(9, 12)))
    touch(tmp_path, "training/occlusions/alley_1/frame_0009.png", "training/.DS_Store")
    touch(
        tmp_path, *(f"training/final/{name}/x.png" for name in (".ipynb_checkpoints", "__MACOSX"))
    )
    found = folders.sintel(tmp_path, "final")
    assert [pair.name for pair in found] == [
        *("alley_1/frame_0009", "alley_1/frame_0010", "bamboo_1/frame_0001")
    ]
    first = found[0]
    training = tmp_path / "training"
    assert first.group == "alley_1"
    assert first.frame1 == training / "final/alley_1/frame_0009.png"
    assert first.frame2 == training / "final/alley_1/frame_0010.png"
    assert first.flow == training / "flow/alley_1/frame_0009.flo"
    assert first.occluded == training / "occlusions/alley_1/frame_0009.png"
    assert first.invalid is None and found[1].occluded is None
    assert folders.sintel(training, "clean")[2].frame1 == training / "clean/bamboo_1/frame_0001.png"


def test_kitti_is_frame_10_and_11(tmp_path):
    for number in (0, 1):
        names = [f"image_2/{number:06}_{i}.png" for i in (10, 11)]
        touch(tmp_path / "training", *names, f"flow_occ/{number:06}_10.png")
    touch(tmp_path, "training/flow_noc/000001_10.png", "testing/image_2/000000_10.png")
    found = folders.kitti_2015(tmp_path)
    assert [(p.name, p.group) for p in found] == [
        ("000000_10", "kitti-2015"),
        ("000001_10", "kitti-2015"),
    ]
    training = tmp_path / "training"
    assert found[1].frame2 == training / "image_2/000001_11.png"
    assert found[1].flow == training / "flow_occ/000001_10.png"
    assert [p.visible for p in found] == [None, training / "flow_noc/000001_10.png"]


def test_another_layout_is_said_with_what_was_found(tmp_path):
    wrong = touch(tmp_path / "wrong", "a/b.png", "c.txt")
    with pytest.raises(
        UsageError, match=r"wrong: expected training/clean/SEQUENCE.*; found a/, c.txt\."
    ):
        folders.sintel(wrong, "clean")
    with pytest.raises(UsageError, match=r"wrong: expected training/image_2.*; found a/, c.txt\."):
        folders.kitti_2015(wrong)
    with pytest.raises(UsageError, match="nowhere does not exist; expected a folder with training"):
        folders.kitti_2015(tmp_path / "nowhere")
    with pytest.raises(UsageError, match="c.txt is not a folder"):
        folders.sintel(wrong / "c.txt", "clean")
    (tmp_path / "empty/training/clean/a").mkdir(parents=True)
    (tmp_path / "empty/training/flow").mkdir()
    with pytest.raises(UsageError, match="clean/a has 0 frames, but a pair needs two"):
        folders.sintel(tmp_path / "empty", "clean")


def test_a_missing_file_is_named(tmp_path):
    touch(tmp_path / "s", *sintel_files("alley_1", 1, 2, 3))
    (tmp_path / "s/training/flow/alley_1/frame_0002.flo").unlink()
    with pytest.raises(UsageError, match="flow/alley_1/frame_0002.flo is missing"):
        folders.sintel(tmp_path / "s", "clean")
    touch(tmp_path / "k/training", "image_2/000007_10.png", "flow_occ/000007_10.png")
    with pytest.raises(UsageError, match="image_2/000007_11.png is missing for pair 7"):
        folders.kitti_2015(tmp_path / "k")


@pytest.mark.parametrize(
    "gone", [f"{p}/a/frame_000{n}" for p in ("final", "flow") for n in (1, 2, 3)]
)
def test_no_pair_of_sintel_is_lost_without_a_word(tmp_path, gone):
    touch(tmp_path, *sintel_files("a", 1, 2, 3, 4), *sintel_files("b", 1, 2))
    (path,) = (tmp_path / "training").glob(f"{gone}.*")
    path.unlink()
    with pytest.raises(UsageError, match=rf"{path} is missing; expected training/final"):
        folders.sintel(tmp_path, "final")


def test_flow_of_sintel_beyond_the_frames_is_said(tmp_path):
    touch(tmp_path, *sintel_files("a", 1, 2, 3))
    last = tmp_path / "training/clean/a/frame_0003.png"
    last.unlink()
    with pytest.raises(UsageError, match=f"{last} is missing"):
        folders.sintel(tmp_path, "clean")
    last.write_bytes(b"")
    touch(tmp_path, "training/flow/b/frame_0001.flo")
    with pytest.raises(UsageError, match="clean/b has 0 frames"):
        folders.sintel(tmp_path, "clean")


@pytest.mark.parametrize("gone", ["image_2/000001_10", "image_2/000001_11", "flow_occ/000001_10"])
def test_no_pair_of_kitti_is_lost_without_a_word(tmp_path, gone):
    for number in range(3):
        names = [f"image_2/{number:06}_{i}.png" for i in (10, 11)]
        touch(tmp_path / "training", *names, f"flow_occ/{number:06}_10.png")
    (tmp_path / f"training/{gone}.png").unlink()
    with pytest.raises(UsageError, match=f"{gone}.png is missing for pair 1"):
        folders.kitti_2015(tmp_path)


@pytest.mark.parametrize("gone", ["img1.ppm", "img2.ppm", "flow.flo"])
def test_no_pair_of_chairs_is_lost_without_a_word(tmp_path, gone):
    parts = ("img1.ppm", "img2.ppm", "flow.flo")
    touch(tmp_path / "data", *(f"0000{n}_{part}" for n in (1, 2) for part in parts))
    (tmp_path / f"data/00002_{gone}").unlink()
    for sides in ("1\n2\n", "1\n"):  # of all pairs, and of those with flow
        (tmp_path / "FlyingChairs_train_val.txt").write_text(sides)
        if gone == "flow.flo" or sides == "1\n2\n":
            with pytest.raises(UsageError, match=f"00002_{gone} is missing"):
                folders.flying_chairs(tmp_path)


@pytest.mark.parametrize(
    "gone",
    [
        *(f"frames_cleanpass/TRAIN/A/0000/right/000{n}.png" for n in (6, 7, 8)),
        *(
            f"optical_flow/TRAIN/A/0000/into_future/right/OpticalFlowIntoFuture_000{n}_R.pfm"
            for n in (6, 7)
        ),
    ],
)
def test_no_pair_of_things_is_lost_without_a_word(tmp_path, gone):
    for side in ("left", "right"):
        flow = f"optical_flow/TRAIN/A/0000/into_future/{side}/OpticalFlowIntoFuture_000"
        touch(tmp_path, *(f"{flow}{n}_{side[0].upper()}.pfm" for n in (6, 7, 8)))
        touch(tmp_path, *(f"frames_cleanpass/TRAIN/A/0000/{side}/000{n}.png" for n in (6, 7, 8)))
    assert len(list(folders.flying_things3d(tmp_path, "clean", "TRAIN"))) == 4
    (tmp_path / gone).unlink()
    with pytest.raises(UsageError, match=f"{gone} is missing"):
        list(folders.flying_things3d(tmp_path, "clean", "TRAIN"))


def test_a_camera_of_things_without_flow_or_frames_is_said(tmp_path):
    touch(tmp_path, *(f"frames_finalpass/TEST/A/0000/left/000{n}.png" for n in (6, 7)))
    (tmp_path / "optical_flow/TEST").mkdir(parents=True)
    with pytest.raises(
        UsageError, match="into_future/left/OpticalFlowIntoFuture_0006_L.pfm is missing"
    ):
        list(folders.flying_things3d(tmp_path, "final", "TEST"))
    touch(tmp_path, "optical_flow/TEST/A/0000/into_future/left/OpticalFlowIntoFuture_0006_L.pfm")
    touch(tmp_path, "optical_flow/TEST/B/0000/into_future/left/OpticalFlowIntoFuture_0006_L.pfm")
    with pytest.raises(UsageError, match="TEST/B/0000/left has 0 frames"):
        list(folders.flying_things3d(tmp_path, "final", "TEST"))


@pytest.mark.parametrize("gone", ["im0.png", "im1.png", "forward.flo"])
def test_no_pair_of_autoflow_is_lost_without_a_word(tmp_path, gone):
    for name in ("x", "y"):
        for part in ("im0.png", "im1.png", "forward.flo"):
            (tmp_path / name).mkdir(exist_ok=True)
            (tmp_path / name / part).write_bytes(b"x")
    (tmp_path / "y" / gone).unlink()
    with pytest.raises(UsageError, match=f"y/{gone} is missing"):
        list(folders.autoflow(tmp_path))


def test_frames_of_a_folder_that_have_no_flow_are_counted(tmp_path):
    make = Maker(tmp_path)
    for name in ("1_img1.png", "1_img2.png", "2_img1.png", "2_img2.JPG", "3_img1.png", "4.png"):
        make.picture(f"pairs/{name}")
    make.flow("pairs/1_flow.flo")
    make.mask("pairs/1_occluded.png")
    for number in range(1, 6):
        make.picture(f"numbered/f{number:04}.png")
    for name in ("f0001.flo", "f0003_flow.flo", "f0004.flo"):
        make.flow(f"numbered/{name}")
    for number in (1, 2, 3):
        make.picture(f"views/img{number}.png")
        make.picture(f"views/a_img{number}.png")
    for name in ("img1.flo", "img2.flo", "a_img1.flo", "a_img2.flo"):
        make.flow(f"views/{name}")
    assert len(list(folders.pairs_of_folder(tmp_path))) == 8
    # 2, 3 and frames 2 to 3
    assert folders.passed_over(tmp_path) == {"pairs of frames without flow": 3}
    parts = [tmp_path / "pairs", tmp_path / "views"]
    assert folders.passed_over(tmp_path, parts) == {
        "pairs of frames without flow": 2,
        "flow in no folder of a split": 3,
    }


def test_what_a_folder_may_lack(tmp_path):
    make = Maker(tmp_path)
    make.picture("1.png")
    with pytest.raises(UsageError, match="found 1.png"):
        list(folders.pairs_of_folder(tmp_path))
    make.flow("1.flo")
    with pytest.raises(UsageError, match="1.flo lacks its two frames"):
        list(folders.pairs_of_folder(tmp_path))
    make.path("x/im0.png").write_bytes(b"x")
    with pytest.raises(UsageError, match="im1.png is missing"):
        list(folders.autoflow(tmp_path))
    with pytest.raises(UsageError, match="does not exist"):
        list(folders.flying_things3d(tmp_path / "none", "clean", "TRAIN"))
    (tmp_path / "s/training/clean/empty").mkdir(parents=True)
    (tmp_path / "s/training/flow").mkdir()
    with pytest.raises(UsageError, match="empty has 0 frames"):
        folders.sintel(tmp_path / "s", "clean")


def test_suffixes_are_of_any_case(tmp_path):
    make = Maker(tmp_path)
    touch(tmp_path, "1_img1.PNG", "1_img2.JPG", "1_occluded.PNG", "5.Bmp", "6.PPM")
    for name in ("1_flow.flo", "5.flo"):
        make.flow(name)
        (tmp_path / name).rename((tmp_path / name).with_suffix(".FLO"))
    first, second = folders.pairs_of_folder(tmp_path)
    assert first[2:6] == tuple(
        tmp_path / n for n in ("1_img1.PNG", "1_img2.JPG", "1_flow.FLO", "1_occluded.PNG")
    )
    assert second[2:6] == (*(tmp_path / n for n in ("5.Bmp", "6.PPM", "5.FLO")), None)


def test_frames_of_another_format_are_named(tmp_path):
    Maker(tmp_path).flow("1_flow.flo")
    touch(tmp_path, "1_img1.tif", "1_img2.tif")
    with pytest.raises(
        UsageError, match=r"frames as PNG, JPEG, PPM or BMP \(there is 1_img1.tif\)"
    ):
        list(folders.pairs_of_folder(tmp_path))


@pytest.mark.parametrize("other", ["3_flow.pfm", "3.flo", "3_flow.FLO"])
def test_flow_that_a_pair_has_twice_is_refused(tmp_path, other):
    make = Maker(tmp_path)
    touch(tmp_path, "3_img1.png", "3_img2.png")
    make.flow("3_flow.flo")
    (tmp_path / other).write_bytes(b"x")
    with pytest.raises(UsageError, match="are the flow of the same pair") as refused:
        list(folders.pairs_of_folder(tmp_path))
    assert str(tmp_path / other) in str(refused.value) and "3_flow.flo" in str(refused.value)
