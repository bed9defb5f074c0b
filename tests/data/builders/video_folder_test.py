"""A data set of videos in folders of their classes, as it is found the next time."""

import numpy as np
import pytest
import tensorflow_datasets as tfds

from perceiver_keras.data.builders.video_folder import video_folder_dataset_builder as videos
from perceiver_keras.data.store import source
from perceiver_keras.data.video import clips
from perceiver_keras.errors import PerceiverError


def video(frames: int) -> bytes:
    bright = np.linspace(0.1, 0.9, frames)[:, None, None, None] * np.ones((1, 16, 16, 3))
    return clips.to_mp4(bright, 0.3 * np.sin(np.arange(frames * 1920) / 9), 48_000)


def test_videos_in_folders_of_classes(tmp_path):
    root = tmp_path / "downloads" / "manual" / "video_folder"
    for split, name, frames in (
        ("train", "run/a", 37),
        ("train", "sit/b", 9),
        ("val", "run/c", 16),
    ):
        path = root / split / f"{name}.mp4"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(video(frames))
    builder = videos.Builder(data_dir=str(tmp_path))
    builder.download_and_prepare()
    builder = videos.Builder(data_dir=str(tmp_path))  # as it is found the next time
    assert source.label_names(builder) == ["run", "sit"]
    train = list(tfds.as_numpy(builder.as_dataset(split="train")))
    assert sorted(int(example["label"]) for example in train) == [0, 0, 1]  # 37 frames: two windows
    assert all(np.shape(example["frames"])[0] == 16 for example in train)
    assert len(list(builder.as_dataset(split="validation"))) == 1


def folder(tmp_path, files):
    root = tmp_path / "manual" / "video_folder"
    for name, content in files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
    return root


def test_three_videos_per_class_fill_three_splits_and_left_overs_are_no_class(tmp_path):
    files = {
        f"{label}/{n}.mp4": video(5 + n + 3 * i) for n in range(3) for i, label in enumerate("ab")
    }
    files["b/copy.mp4"] = files["b/1.mp4"]
    for name in (".ipynb_checkpoints/0-checkpoint.mp4", "a/._0.mp4", "__MACOSX/a/0.mp4"):
        files[name] = files["a/0.mp4"]
    files |= {"a/Thumbs.db": b"x", "b/empty.mp4": b""}
    root = folder(tmp_path, files)
    (root / "b/folder.mp4").mkdir()
    builder = source.open_builder("video_folder", str(tmp_path))
    assert source.label_names(builder) == ["a", "b"]
    found = {s: list(tfds.as_numpy(builder.as_dataset(split=s))) for s in builder.info.splits}
    assert {split: {int(row["label"]) for row in rows} for split, rows in found.items()} == {
        split: {0, 1} for split in ("train", "validation", "test")
    }
    assert sum(map(len, found.values())) == 7
    sound = [{row["audio"] for row in rows} for rows in found.values()]
    assert sum(map(len, sound)) == len(set().union(*sound)) == 6  # the copy is where the other is


def test_a_cut_video_is_named_and_left_out_up_to_the_share(tmp_path, caplog):
    files = {
        f"{label}/{n}.mp4": video(5 + n + 3 * i) for n in range(3) for i, label in enumerate("ab")
    }
    cut = video(30)
    folder(tmp_path, files | {"b/cut.mp4": cut[: len(cut) // 2]})
    with pytest.raises(PerceiverError, match=r"1 of 7 can't be read: b/cut.mp4 \(.*share=0.143"):
        source.open_builder("video_folder", str(tmp_path))
    builder = source.open_builder("video_folder", str(tmp_path), max_corrupt_share=0.15)
    assert {name: split.num_examples for name, split in builder.info.splits.items()} == {
        "train": 2, "validation": 2, "test": 2
    }  # fmt: skip
    assert [r.getMessage()[:40] for r in caplog.records if "left out" in r.getMessage()] == [
        "video_folder: left out 1 of 7: b/cut.mp4"
    ]
    # The data set is there, but is judged again; who names no share takes it as it is.
    with pytest.raises(PerceiverError, match=r"1 of 7 .* remove .*video_folder/2.0.0"):
        source.open_builder("video_folder", str(tmp_path), max_corrupt_share=0.1)
    assert source.open_builder("video_folder", str(tmp_path)).is_prepared()


def test_too_few_videos_all_train_and_it_is_said(tmp_path, caplog):
    folder(tmp_path, {"a/0.mp4": video(5), "b/0.mp4": video(5)})
    builder = source.open_builder("video_folder", str(tmp_path))
    assert list(builder.info.splits) == ["train"]
    assert "nothing is left for validation and test" in caplog.text
