"""A data folder is told from the user's files, which nothing is written into."""

from __future__ import annotations

import json

import pytest

from perceiver_keras.data.store import data_folders
from perceiver_keras.errors import UsageError


def touch(root, *names):
    for name in names:
        path = root / name
        if name.endswith("/"):
            path.mkdir(parents=True)
            continue
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps({"configName": "clean"} if "/clean/" in name else {}))
    return str(root)


@pytest.mark.parametrize(
    "names",
    [
        (),
        (".DS_Store", ".git/config"),
        ("lost+found/x", "Thumbs.db"),
        ("empty/", "also/"),
        ("mnist/3.0.1/dataset_info.json",),
        ("mpi_sintel/clean/1.0.0/dataset_info.json", "notes.txt"),
        ("manual/video_folder/run/a.mp4",),
        ("manual/text_folder/a.txt", "text.zip"),
        ("downloads/manual/imagenet.tar",),
        ("downloads/some_file.gz", "downloads/some_file.gz.INFO"),
        ("own_data/digests/a.json",),
        ("sentencepiece/text_folder/a.model",),
        ("perceiver_digits/incomplete.AB12CD_1.0.0/x.tfrecord",),
        ("mpi_sintel/clean/incomplete.AB12CD_1.0.0/x.tfrecord",),
    ],
)
def test_a_folder_of_data_sets_is_taken(tmp_path, names):
    data_folders.check(touch(tmp_path / "data", *names))


def test_a_folder_that_is_still_to_be_made_is_taken(tmp_path):
    data_folders.check(str(tmp_path / "none"))
    data_folders.check("gs://bucket/data")


@pytest.mark.parametrize(
    "names",
    [
        ("cat/1.jpg", "dog/1.jpg"),
        ("1.jpg",),
        ("labels.csv", "pictures/"),
        ("train/cat/1.jpg", "test/cat/1.jpg"),
        ("cat/1.jpg", "empty/"),
        ("manual/1.jpg", "automatic/2.jpg"),  # gearboxes
        ("downloads/1.jpg", "other/2.jpg"),
        ("train/downloads/manual/1.jpg",),
    ],
)
def test_a_folder_of_the_user_s_files_is_refused(tmp_path, names):
    folder = touch(tmp_path / "mine", *names)
    with pytest.raises(UsageError, match=f"mine holds .*add --data {folder}"):
        data_folders.check(folder)


@pytest.mark.parametrize(
    ("named", "config"), [("mnist", ""), ("mnist/1.0.0", ""), ("mpi/clean", "clean/"), ("mpi/clean/1.0.0", "clean/")]
)  # fmt: skip
def test_the_folder_of_a_data_set_is_refused_with_the_one_above(tmp_path, named, config):
    touch(tmp_path / "data", f"{named.split('/')[0]}/{config}1.0.0/dataset_info.json")
    with pytest.raises(UsageError, match=f"holds the folders of data sets, {tmp_path}/data\\."):
        data_folders.check(str(tmp_path / "data" / named))
