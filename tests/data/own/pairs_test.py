"""Pairs of frames in folders: whole sequences in a split, copies together, damage named."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import numpy as np
import pytest
import tensorflow_datasets as tfds
from PIL import Image

from perceiver_keras.data.own import pairs
from perceiver_keras.data.own.found import Place
from perceiver_keras.data.own.prepare import prepare
from perceiver_keras.data.store import source
from perceiver_keras.errors import PerceiverError, UsageError
from tests import own_folders
from tests.data.flow.flow_files import Maker


def _look(root: Path):
    return pairs.look(Place(given=root, root=root, store=root.parent / "store"))


def _splits(found) -> dict[str, str]:
    return {item.name: item.split for item in found.items}


def test_pairs_are_stored_with_their_pixels(tmp_path: Path) -> None:
    root = own_folders.pairs(tmp_path / "mine")
    found = _look(root)
    assert prepare(found, str(tmp_path / "data")) == {}
    builder = source.open_builder(found.dataset, str(tmp_path / "data"))
    seen = 0
    for split in ("train", "validation", "test"):
        for row in tfds.as_numpy(builder.as_dataset(split)):
            first = root / f"{row['name'].decode()}.png"
            np.testing.assert_array_equal(row["frame1"], np.asarray(Image.open(first)))
            np.testing.assert_array_equal(row["frame2"], np.roll(row["frame1"], 1, axis=1))
            assert row["flow"].reshape(20, 32, 2)[..., 0].min() == 1 and row["valid"].min() == 255
            seen += 1
    assert seen == 12


def test_a_sequence_is_in_one_split_whatever_its_folder_s_name(tmp_path: Path) -> None:
    """Scenes with a folder for each camera, whose names repeat."""
    own_folders.pairs(tmp_path / "flat", sequences=8)
    for number in range(8):
        target = tmp_path / f"mine/scene{number // 2}" / ("left", "right")[number % 2]
        shutil.copytree(tmp_path / f"flat/seq{number}", target)
    found = _look(tmp_path / "mine")
    assert dict(found.facts)["sequences"] == "8"
    held: dict[str, set[str]] = {}
    for name, split in _splits(found).items():
        held.setdefault(str(Path(name).parent), set()).add(split)
    assert len(held) == 8 and all(len(splits) == 1 for splits in held.values())
    assert set().union(*held.values()) == {"train", "validation", "test"}


def test_sequences_stay_where_they_are_and_copies_are_together(tmp_path: Path) -> None:
    root = own_folders.pairs(tmp_path / "mine", sequences=7)
    before = _splits(_look(root))
    shutil.copytree(root / "seq3", root / "copy_of_3")
    Image.open(root / "seq2/0002.png").save(root / "seq2/0003.png")
    shutil.copy(root / "seq2/0001.flo", root / "seq2/0002.flo")
    after = _splits(_look(root))
    assert {name: after[name] for name in before} == before
    assert after["copy_of_3/0000"] == after["seq3/0000"] == after["copy_of_3/0001"]
    assert after["seq2/0002"] == after["seq2/0000"]


def test_the_pairs_of_one_sequence_are_distributed(tmp_path: Path) -> None:
    found = _look(own_folders.pairs(tmp_path / "mine", sequences=1, length=9))
    assert set(_splits(found).values()) == {"train", "validation", "test"}


def test_folders_of_splits_are_kept_and_empty_ones_are_filled(tmp_path: Path) -> None:
    own_folders.pairs(tmp_path / "mine/train", sequences=7)
    for number in range(3):
        (tmp_path / "mine/val").mkdir(exist_ok=True)
        (tmp_path / f"mine/train/seq{number}").rename(tmp_path / f"mine/val/seq{number}")
    (tmp_path / "mine/test").mkdir()
    (tmp_path / "mine/test/.DS_Store").write_bytes(b"x")
    found = _look(tmp_path / "mine")
    splits = _splits(found)
    assert {s for name, s in splits.items() if name.startswith("validation/")} == {"validation"}
    assert {s for name, s in splits.items() if name.startswith("train/")} == {"train", "test"}


def test_left_overs_are_passed_over_and_a_cut_flow_is_left_out_by_name(tmp_path: Path) -> None:
    root = own_folders.pairs(tmp_path / "mine")
    (root / "seq0/._0000.flo").write_bytes(b"\0\5\x16\7")
    shutil.copytree(root / "seq1", root / "__MACOSX")
    flow = root / "seq4/0001.flo"
    flow.write_bytes(flow.read_bytes()[:-4])
    found = _look(root)
    assert len(found.items) == 12
    assert found.passed == {"hidden": 1, "left by a system (folders)": 1}
    with pytest.raises(PerceiverError, match="1 of 12 can't be read: seq4/0001 .*0001.flo"):
        prepare(found, str(tmp_path / "data"))
    assert set(prepare(found, str(tmp_path / "data"), 0.1)) == {"seq4/0001"}


def test_what_is_in_no_pair_is_counted(tmp_path: Path) -> None:
    root = own_folders.pairs(tmp_path / "mine", sequences=5)
    (root / "seq0/0001.flo").unlink()
    assert _look(root).passed == {"pairs of frames without flow": 1}
    for number in range(4):
        (root / "train").mkdir(exist_ok=True)
        (root / f"seq{number}").rename(root / f"train/seq{number}")
    found = _look(root)
    assert len(found.items) == 7
    assert found.passed == {"pairs of frames without flow": 1, "flow in no folder of a split": 2}


@pytest.mark.parametrize("sintel_pass", ["clean", "final"])
def test_sintel_as_it_is_unpacked(tmp_path: Path, sintel_pass: str) -> None:
    own_folders.pairs(tmp_path / "flat", sequences=4)
    for path in sorted((tmp_path / "flat").glob("*/*")):
        folder = "flow" if path.suffix == ".flo" else sintel_pass
        target = tmp_path / "mine/training" / folder / path.parent.name / f"frame_{path.name}"
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(path, target)
    found = _look(tmp_path / "mine")
    assert found.layout == f"MPI-Sintel, {sintel_pass}" and dict(found.facts)["sequences"] == "4"
    assert set(prepare(found, str(tmp_path / "data"))) == set()


@pytest.mark.parametrize("folder", ["colored_0", "image_0"])
def test_kitti_2012_in_colour_or_grey(tmp_path: Path, folder: str) -> None:
    make = Maker(tmp_path / "training")
    for number in range(3):
        for frame in (10, 11):
            make.picture(f"{folder}/{number:06}_{frame}.png")
        make.flow(f"flow_occ/{number:06}_10.png")
    found = _look(tmp_path)
    assert found.layout == "KITTI 2012" and len(found.items) == 3


def test_two_folders_of_one_split_whose_pairs_have_one_name(tmp_path: Path) -> None:
    own_folders.pairs(tmp_path / "mine/train", sequences=3)
    for name in ("val", "valid"):
        own_folders.pairs(tmp_path / "mine" / name, sequences=1)
    with pytest.raises(UsageError, match="2 pairs of one name, validation/seq0/0000"):
        _look(tmp_path / "mine")


def test_names_of_other_bytes_are_stored(tmp_path: Path) -> None:
    root = own_folders.pairs(tmp_path / "mine")
    for number, name in enumerate((b"caf\xe9", b"caf\xe8")):  # Latin-1
        (root / f"seq{number}").rename(root / os.fsdecode(name))
    found = _look(root)
    assert prepare(found, str(tmp_path / "data")) == {}
    assert {r"caf\xe9/0000", r"caf\xe8/0000"} < {item.name for item in found.items}


def test_a_folder_without_flow_is_refused_with_what_was_found(tmp_path: Path) -> None:
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine/a.png").write_bytes(b"x")
    with pytest.raises(UsageError, match="expected NAME_img1.png.*found a.png"):
        _look(tmp_path / "mine")
    with pytest.raises(UsageError, match="is a file; name a folder"):
        _look(tmp_path / "mine/a.png")
