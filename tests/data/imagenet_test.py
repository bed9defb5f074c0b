"""The ways in which ImageNet's validation set lies on disks: each gives the same classes."""

from __future__ import annotations

import numpy as np
import pytest

from perceiver_keras.data import imagenet
from perceiver_keras.errors import PerceiverError, UsageError

NAMES = [f"ILSVRC2012_val_{number:08}" for number in (1, 2, 3)]
# The first three of the development kit's own file, 490, 361, 171, are these synsets.
SYNSETS = ["n01751748", "n09193705", "n02105855"]
PLACES = [65, 970, 230]  # by counting in the sorted list of synsets


def write(path, content=b"not looked at"):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content if isinstance(content, bytes) else content.encode())


@pytest.fixture
def flat(tmp_path):
    for name in NAMES:
        write(tmp_path / "ILSVRC2012_img_val" / f"{name}.JPEG")
    return tmp_path


def labels(folder):
    return [picture.label for picture in imagenet.find(folder)]


def test_classes_are_the_sorted_synsets():
    names = imagenet.synsets()
    assert len(names) == 1000 and list(names) == sorted(names)
    assert [names.index(synset) for synset in SYNSETS] == PLACES
    assert imagenet.class_names()[names.index("n01440764")].startswith("tench")


def test_pictures_in_folders_of_their_synsets(tmp_path):
    for name, synset in zip(NAMES, SYNSETS, strict=True):
        write(tmp_path / "val" / synset / f"{name}.JPEG")
    found = imagenet.find(tmp_path)
    assert [picture.name for picture in found] == NAMES
    assert [picture.label for picture in found] == PLACES
    write(tmp_path / "val" / "n00000000" / "x.JPEG")
    with pytest.raises(PerceiverError, match="n00000000 is none of ImageNet's 1,000 synsets"):
        imagenet.find(tmp_path)


@pytest.mark.parametrize(
    ("file", "content"),
    [
        (
            "LOC_val_solution.csv",
            "ImageId,PredictionString\n"
            + "".join(
                f"{n},{s} 1 2 3 4 \n" for n, s in zip(NAMES[::-1], SYNSETS[::-1], strict=True)
            ),
        ),
        (
            "val.txt",
            "".join(f"{n}.JPEG {p}\n" for n, p in zip(NAMES[::-1], PLACES[::-1], strict=True)),
        ),
        ("imagenet_2012_validation_synset_labels.txt", "\n".join([*SYNSETS, "n01440764"])),
        ("val_labels.txt", "\n".join(map(str, PLACES))),
        ("README.txt", "about something else\n"),  # the official names say it
    ],
)
def test_files_of_the_ground_truth(flat, file, content):
    write(flat / "deep" / file, content)
    assert labels(flat) == PLACES


def test_the_development_kit_counts_in_another_order(flat):
    from scipy.io import savemat

    write(flat / "data" / "ILSVRC2012_validation_ground_truth.txt", "3\n1\n2\n")
    with pytest.raises(UsageError, match="put the kit's data/meta.mat next to it"):
        imagenet.find(flat)
    kinds = [("ILSVRC2012_ID", "f8"), ("WNID", "O")]
    rows = [(1, SYNSETS[1]), (2, SYNSETS[2]), (3, SYNSETS[0])]
    savemat(str(flat / "data" / "meta.mat"), {"synsets": np.array(rows, kinds)})
    assert labels(flat) == PLACES
    write(flat / "data" / "meta.mat", b"MATLAB 5.0 MAT-file" + bytes(200))
    with pytest.raises(PerceiverError, match="is not the development kit's table"):
        imagenet.find(flat)


def test_pictures_with_names_of_their_own_follow_the_lines(tmp_path):
    for name in "bca":
        write(tmp_path / f"{name}.jpg")
    with pytest.raises(UsageError, match="nothing says the classes of its pictures, such as a"):
        imagenet.find(tmp_path)
    write(tmp_path / "labels.txt", "\n".join(SYNSETS))
    assert [(p.name, p.label) for p in imagenet.find(tmp_path)] == list(
        zip("abc", PLACES, strict=True)
    )
    write(tmp_path / "labels.txt", "\n".join(SYNSETS[:2]))
    with pytest.raises(PerceiverError, match="has 2 classes for 3 pictures"):
        imagenet.find(tmp_path)


def test_what_can_not_be_right_is_refused(flat, tmp_path):
    with pytest.raises(UsageError, match="has no pictures of ImageNet's validation set"):
        imagenet.find(tmp_path / "none")
    write(flat / "val.txt", f"{NAMES[0]}.JPEG 65\n{NAMES[1]}.JPEG 970\n")
    with pytest.raises(PerceiverError, match=f"does not say the class of {NAMES[2]}"):
        imagenet.find(flat)
    write(flat / "val.txt", "".join(f"{name}.JPEG 1000\n" for name in NAMES))
    with pytest.raises(PerceiverError, match="class 1000 is not in 0 to 999"):
        imagenet.find(flat)


def test_pictures_of_one_name_keep_their_own_classes(tmp_path):
    for synset in SYNSETS:
        write(tmp_path / "val" / synset / "1.JPEG")
    found = {picture.name: picture.label for picture in imagenet.find(tmp_path)}
    assert found == {f"val/{s}/1.JPEG": p for s, p in zip(SYNSETS, PLACES, strict=True)}


def test_two_pictures_of_one_name_have_no_line_of_their_own(flat):
    write(flat / "again" / f"{NAMES[0]}.png")
    with pytest.raises(PerceiverError, match="have one name"):
        imagenet.find(flat)


def test_training_pictures_and_what_systems_leave_are_not_judged(tmp_path):
    for name, synset in zip(NAMES, SYNSETS, strict=True):
        write(tmp_path / "val" / synset / f"{name}.JPEG")
        write(tmp_path / "train" / synset / f"{synset}_1.JPEG")
        write(tmp_path / "val" / synset / f"._{name}.JPEG")
    write(tmp_path / "test" / "ILSVRC2012_test_00000001.JPEG")
    assert [picture.name for picture in imagenet.find(tmp_path)] == NAMES
    assert labels(tmp_path) == PLACES


@pytest.mark.parametrize(
    ("file", "content", "words"),
    [
        ("val.txt", "".join(f"{n}.JPEG 1\n" for n in [*NAMES, NAMES[0]]) + f"{NAMES[0]} 2", "two"),
        ("labels.txt", f"{SYNSETS[0]}\nn0919\n{SYNSETS[2]}\n{SYNSETS[2]}\n", "line 2: expected"),
        ("labels.txt", f"{SYNSETS[0]}\n\n{SYNSETS[2]}\n{SYNSETS[2]}\n", "line 2: expected"),
    ],
)
def test_a_broken_line_does_not_shift_the_others(flat, file, content, words):
    write(flat / file, content)
    with pytest.raises(PerceiverError, match=words):
        imagenet.find(flat)


@pytest.mark.parametrize(
    ("file", "content"),
    [
        ("synsets.txt", "\n".join(imagenet.synsets())),
        ("labels.txt", "synset\r\n" + "\r\n".join(SYNSETS)),
        ("notes.txt", "²\n" + "words\n" * 5),
        ("other.csv", "x" * 200_000 + ",1\n"),
        (
            "val.txt",
            "\ufeff" + "".join(f"{n} {s}\r\n" for n, s in zip(NAMES, SYNSETS, strict=True)),
        ),
    ],
)
def test_other_files_and_other_ends_of_lines_do_no_harm(flat, file, content):
    write(flat / file, content)
    assert labels(flat) == PLACES
