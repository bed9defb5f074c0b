"""What data sets made of the user's files share: where they lie, and their splits."""

from __future__ import annotations

import hashlib

import pytest
import tensorflow_datasets as tfds

from perceiver_keras.data.own.files import Listing
from perceiver_keras.data.store import files_builder, left_out
from perceiver_keras.errors import PerceiverError


class Lines(files_builder.FilesBuilder, skip_registration=True):
    """Text files that begin with "bad" are corrupt."""

    name = "lines"
    VERSION = tfds.core.Version("1.2.3")
    MANUAL_DOWNLOAD_INSTRUCTIONS = "Put them there."

    def _info(self):
        features = tfds.features.FeaturesDict({"text": tfds.features.Text()})
        return tfds.core.DatasetInfo(builder=self, features=features)

    def sources(self, listed: Listing):
        return {"train": [(str(path), listed.root / path) for path in listed.files]}

    def read(self, item):
        content = item.read_bytes()
        if content.startswith(b"bad"):
            raise PerceiverError("bad")
        yield item.name, {"text": content}


def test_corrupt_files_are_left_out_and_left_overs_are_no_files(tmp_path, caplog):
    root = tmp_path / "downloads/manual/lines"
    root.mkdir(parents=True)
    for name, content in {"a": b"x", "b": b"bad", "._a": b"x", "c": b"y", "d": b""}.items():
        (root / name).write_bytes(content)
    builder = Lines(data_dir=str(tmp_path))
    builder.max_corrupt_share = 0.4
    with caplog.at_level("INFO"):
        builder.download_and_prepare()
    assert {row["text"] for row in tfds.as_numpy(builder.as_dataset("train"))} == {b"x", b"y"}
    letters = left_out.letters_file(str(tmp_path), "lines/1.2.3")
    assert left_out.read_letters(letters) == {"b": "bad"}
    assert "lines: passed over 1 empty, 1 hidden" in caplog.text


def test_the_files_may_lie_in_a_folder_of_the_set_s_name(tmp_path):
    root = tmp_path / "manual"
    root.mkdir()
    (root / "a.mp4").touch()  # TFDS takes no empty folder
    manager = tfds.download.DownloadManager(
        download_dir=tmp_path, manual_dir=root, manual_dir_instructions="put videos there"
    )
    assert files_builder.manual_folder(manager, "video_folder") == root
    (root / "video_folder").mkdir()
    assert files_builder.manual_folder(manager, "video_folder") == root / "video_folder"


def test_folders_of_splits_have_files_and_usual_names(tmp_path):
    for name in ("train/a", "val/a", "validation/a", "testing/deep/a", "other/a", "dev/.hidden"):
        (tmp_path / name).parent.mkdir(parents=True)
        (tmp_path / name).write_text("x")
    (tmp_path / "test").mkdir()
    assert files_builder.split_folders(tmp_path) == {
        "train": tmp_path / "train",
        "validation": tmp_path / "validation",
        "test": tmp_path / "testing",
    }


def hashes(count):
    return [hashlib.sha256(bytes([number])).hexdigest() for number in range(count)]


def splits_of(contents, labels=None, given=None):
    none = [None] * len(contents)
    names = [str(number) for number in range(len(contents))]
    return files_builder.splits_of(names, contents, labels or none, given or none)


@pytest.mark.parametrize("count", [3, 4, 10, 100])
def test_splits_are_made_of_three_contents_or_more(count, caplog):
    assert set(splits_of(hashes(count))) == {"train", "validation", "test"} and not caplog.text


@pytest.mark.parametrize("count", [1, 2])
def test_of_fewer_some_train_and_it_is_said(count, caplog):
    assert "train" in splits_of(hashes(count)) and "nothing is left for" in caplog.text


@pytest.mark.parametrize("labels", ["aaabbb", "aabbcc", "abcdef"])
def test_copies_fill_three_splits_if_there_is_nothing_else_and_it_is_said(labels, caplog):
    made = splits_of(hashes(1) * 6, list(labels))
    assert set(made) == {"train", "validation", "test"}
    assert "Only 1 of 6 are different" in caplog.text


def test_three_of_three_classes_fill_three_splits_without_a_word(caplog):
    made = splits_of([*hashes(3), hashes(1)[0]], list("abca"))
    assert set(made) == {"train", "validation", "test"} and made[3] == made[0]
    assert not caplog.text


def test_given_splits_are_kept_and_no_others_are_made():
    made = splits_of(hashes(4), list("abab"), ["test", None, "test", "train"])
    assert made == ["test", "train", "test", "train"]


def test_items_by_split():
    items = [("a", 1), ("b", 2), ("c", 3)]
    found = files_builder.by_split(items, ["test", "train", "test"])
    assert list(found.items()) == [("train", [("b", 2)]), ("test", [("a", 1), ("c", 3)])]
