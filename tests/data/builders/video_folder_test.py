"""A data set of videos in folders of their classes, as it is found the next time."""

import numpy as np
import tensorflow_datasets as tfds

from perceiver_keras.data.builders.video_folder import video_folder_dataset_builder as videos
from perceiver_keras.data.store import source
from perceiver_keras.data.video import clips


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
