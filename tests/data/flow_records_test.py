"""Data sets of flow from tiny folders in the real layouts, by `open_builder` as a user opens them."""

from __future__ import annotations

import io

import numpy as np
import pytest
import tensorflow as tf
from PIL import Image

from perceiver_keras.data.flow import builder as flow_records
from perceiver_keras.data.flow import folders as flow_folders
from perceiver_keras.data.flow import formats
from perceiver_keras.data.store import source
from perceiver_keras.errors import PerceiverError, UsageError

SIZE = (5, 7)


class Maker:
    """Writes files with known, different contents."""

    def __init__(self, root, seed=0):
        self.root, self.dice = root, np.random.default_rng(seed)

    def path(self, name):
        path = self.root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        return path

    def picture(self, name, size=SIZE, mode="RGB"):
        pixels = self.dice.integers(0, 256, (*size, 3), np.uint8)
        Image.fromarray(pixels).convert(mode).save(self.path(name))
        return np.asarray(Image.fromarray(pixels).convert(mode).convert("RGB"))

    def mask(self, name, size=SIZE):
        mask = self.dice.random(size) < 0.4
        Image.fromarray(mask.astype(np.uint8) * 255).save(self.path(name))
        return mask

    def flow(self, name, valid=None, size=SIZE):
        flow = self.dice.integers(-640, 640, (*size, 2)).astype(np.float32) / 64
        formats.write_flow(self.path(name), flow, valid)
        return flow


def read(name, root, split="train"):
    """{name of the pair: its features}, from `root/manual/DATASET`."""
    builder = source.open_builder(name, str(root))
    found = {}
    for example in builder.as_dataset(split=split).as_numpy_iterator():
        example["flow"] = example["flow"].reshape(*example["frame1"].shape[:2], 2)
        found[example["name"].decode()] = example
    return found


def held(example, frame1, frame2, flow, valid=None, occluded=None):
    valid = np.ones(flow.shape[:2], bool) if valid is None else valid
    occluded = np.zeros(flow.shape[:2], bool) if occluded is None else occluded
    np.testing.assert_array_equal(example["frame1"], frame1)
    np.testing.assert_array_equal(example["frame2"], frame2)
    np.testing.assert_array_equal(example["flow"], np.where(valid[..., None], flow, 0))
    np.testing.assert_array_equal(example["valid"][..., 0], valid * 255)
    np.testing.assert_array_equal(example["occluded"][..., 0], occluded * 255)


def test_sintel(tmp_path):
    make = Maker(tmp_path / "manual/mpi_sintel/training")
    frames = [make.picture(f"final/ambush_2/frame_{n:04}.png") for n in (1, 2, 3)]
    flows = [make.flow(f"flow/ambush_2/frame_{n:04}.flo") for n in (1, 2)]
    occluded = [make.mask(f"occlusions/ambush_2/frame_{n:04}.png") for n in (1, 2)]
    invalid = [make.mask(f"invalid/ambush_2/frame_{n:04}.png") for n in (1, 2)]
    found = read("mpi_sintel/final", tmp_path)
    assert set(found) == {"ambush_2/frame_0001", "ambush_2/frame_0002"}
    for k, name in enumerate(sorted(found)):
        held(found[name], frames[k], frames[k + 1], flows[k], ~invalid[k], occluded[k])
        assert found[name]["sequence"] == b"ambush_2"
    # The clean pass is not there: what is wrong is told, and nothing half-made is left.
    with pytest.raises(UsageError, match="training/clean/SEQUENCE.*found final/, flow/"):
        source.open_builder("mpi_sintel/clean", str(tmp_path))
    assert not list((tmp_path / "mpi_sintel/clean").glob("*"))


@pytest.mark.parametrize("year, folder", [("2015", "image_2"), ("2012", "image_0")])
def test_kitti(tmp_path, year, folder):
    make = Maker(tmp_path / f"manual/kitti_flow/{year}/training")
    mode = "L" if folder == "image_0" else "RGB"  # the cameras of 2012's image_0 are grey
    frames = [make.picture(f"{folder}/000003_{n}.png", mode=mode) for n in (10, 11)]
    valid = np.arange(35).reshape(SIZE) % 3 > 0
    flow = make.flow("flow_occ/000003_10.png", valid)
    visible = valid & (np.arange(35).reshape(SIZE) % 5 > 0)
    formats.write_flow(make.path("flow_noc/000003_10.png"), flow, visible)
    found = read(f"kitti_flow/{year}", tmp_path)
    held(found["000003_10"], *frames, flow, valid, valid & ~visible)


def test_chairs(tmp_path):
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
        UsageError, match="has 1 numbers, and should have a 1 or 2 for each of the 2"
    ):
        flow_folders.flying_chairs(make.root)


def test_things(tmp_path):
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


def test_autoflow(tmp_path, monkeypatch):
    make = Maker(tmp_path / "elsewhere")
    truth = [make.picture("part_1/000/im0.png"), make.picture("part_1/000/im1.png")]
    truth.append(make.flow("part_1/000/forward.flo"))
    with pytest.raises(PerceiverError, match="im0.png, im1.png and forward.flo.*looked for in"):
        source.open_builder("autoflow_static", str(tmp_path))
    monkeypatch.setenv("PERCEIVER_MANUAL_DIR", str(make.root))
    held(read("autoflow_static", tmp_path)["part_1/000"], *truth)


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


def test_what_a_folder_may_lack(tmp_path):
    make = Maker(tmp_path)
    make.picture("1.png")
    with pytest.raises(UsageError, match="found 1.png"):
        list(flow_folders.pairs_of_folder(tmp_path))
    make.flow("1.flo")
    with pytest.raises(UsageError, match="1.flo has no two frames"):
        list(flow_folders.pairs_of_folder(tmp_path))
    make.path("x/im0.png").write_bytes(b"")
    with pytest.raises(UsageError, match="im1.png is missing"):
        list(flow_folders.autoflow(tmp_path))
    with pytest.raises(UsageError, match="does not exist"):
        list(flow_folders.flying_things3d(tmp_path / "none", "clean", "TRAIN"))
    (tmp_path / "s/training/clean/empty").mkdir(parents=True)
    (tmp_path / "s/training/flow").mkdir()
    with pytest.raises(UsageError, match="empty has 0 frames"):
        flow_folders.sintel(tmp_path / "s", "clean")


# === Frames and masks ===


@pytest.mark.parametrize("mode", ["L", "LA", "RGBA", "P"])
def test_frames_of_all_kinds_become_colour(tmp_path, mode):
    pixels = Image.fromarray(np.random.default_rng(0).integers(0, 256, (*SIZE, 3), np.uint8))
    image = pixels.convert(mode)
    if "A" in mode:
        image.putalpha(77)
    image.save(tmp_path / "a.png")
    content, size = flow_records.read_frame(tmp_path / "a.png")
    assert size == SIZE and content[24:26] == b"\x08\x02"
    # Alpha is dropped: the colours are those beneath it.
    expected = image.convert("RGB") if "A" not in mode else image.convert("RGBA").convert("RGB")
    np.testing.assert_array_equal(np.asarray(Image.open(io.BytesIO(content))), expected)


def test_16_bits_keep_the_upper_8_and_colour_is_left_as_it_is(tmp_path):
    values = np.random.default_rng(0).integers(0, 2**16, (*SIZE, 3)).astype(np.uint16)
    (tmp_path / "a.png").write_bytes(tf.io.encode_png(values).numpy())
    content, _ = flow_records.read_frame(tmp_path / "a.png")
    np.testing.assert_array_equal(np.asarray(Image.open(io.BytesIO(content))), values >> 8)
    for suffix in (".png", ".jpg"):
        Image.new("RGB", SIZE[::-1], (9, 8, 7)).save(tmp_path / f"b{suffix}")
        content, size = flow_records.read_frame(tmp_path / f"b{suffix}")
        assert content == (tmp_path / f"b{suffix}").read_bytes() and size == SIZE
    Image.new("L", SIZE[::-1], 9).save(tmp_path / "grey.jpg")
    assert flow_records.read_frame(tmp_path / "grey.jpg")[0].startswith(b"\x89PNG")


def test_sizes_must_agree_and_damage_is_named(tmp_path):
    make = Maker(tmp_path)
    files = {"frame1": "a.png", "frame2": "b.png", "flow": "a.flo"}
    pair = flow_folders.FlowFiles("a", "a", *(tmp_path / name for name in files.values()))

    def refused(said, pair=pair):
        with pytest.raises(PerceiverError, match=said):
            list(flow_records.iter_examples([pair]))

    refused("a.png can't be read")
    make.picture("a.png"), make.picture("b.png", (5, 6)), make.flow("a.flo", size=(6, 7))
    refused("a.png has 5x7 pixels, .*b.png 5x6")
    make.picture("b.png")
    refused("a.flo has 6x7 pixels, .*a.png 5x7")
    make.flow("a.flo")
    make.mask("m.png", (4, 4))
    refused(r"m.png has \(4, 4\) pixels", pair._replace(invalid=tmp_path / "m.png"))
    (tmp_path / "b.png").write_bytes((tmp_path / "b.png").read_bytes()[:-20])
    refused("b.png is no picture that can be read: truncated PNG")
    (tmp_path / "b.png").write_bytes(b"P6\n7 5\n255\n" + bytes(20))
    refused("b.png is no picture")
