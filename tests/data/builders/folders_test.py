"""Data sets of the user's own files: films in folders of classes, AudioSet's clips, replays."""

import json

import numpy as np
import pytest
import tensorflow_datasets as tfds

from perceiver_keras.data.builders.audioset_folder import (
    audioset_folder_dataset_builder as audioset,
)
from perceiver_keras.data.builders.starcraft_replays import (
    starcraft_replays_dataset_builder as replays,
)
from perceiver_keras.data.builders.video_folder import video_folder_dataset_builder as films
from perceiver_keras.data.store import source
from perceiver_keras.data.video import builder as video_records
from perceiver_keras.data.video import clips as video
from perceiver_keras.errors import UsageError


def film(frames: int) -> bytes:
    bright = np.linspace(0.1, 0.9, frames)[:, None, None, None] * np.ones((1, 16, 16, 3))
    return video.to_mp4(bright, 0.3 * np.sin(np.arange(frames * 1920) / 9), 48_000)


def test_films_in_folders_of_classes(tmp_path):
    root = tmp_path / "downloads" / "manual" / "video_folder"
    for split, name, frames in (
        ("train", "run/a", 37),
        ("train", "sit/b", 9),
        ("val", "run/c", 16),
    ):
        path = root / split / f"{name}.mp4"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(film(frames))
    builder = films.Builder(data_dir=str(tmp_path))
    builder.download_and_prepare()
    builder = films.Builder(data_dir=str(tmp_path))  # as it is found the next time
    assert source.label_names(builder) == ["run", "sit"]
    train = list(tfds.as_numpy(builder.as_dataset(split="train")))
    assert sorted(int(example["label"]) for example in train) == [0, 0, 1]  # 37 frames: two windows
    assert all(np.shape(example["frames"])[0] == 16 for example in train)
    assert len(list(builder.as_dataset(split="validation"))) == 1


def test_without_folders_of_splits_a_hash_decides(tmp_path):
    for number in range(40):
        path = tmp_path / "run" / f"{number}.mp4"
        path.parent.mkdir(exist_ok=True)
        path.touch()
    found = video_records.films_by_split(tmp_path)
    assert found == video_records.films_by_split(tmp_path)
    assert sum(map(len, found.values())) == 40 and len(found["train"]) > 25
    with pytest.raises(UsageError, match="holds no films as CLASS/FILM.mp4"):
        video_records.films_by_split(tmp_path / "run")


def test_audioset_s_own_files_are_read(tmp_path):
    path = tmp_path / "segments.csv"
    path.write_text(
        "# Segments csv created Sun Mar  5 10:54:31 2017\n# num_ytids=2\n"
        '# YTID, start_seconds, end_seconds, positive_labels\n--4gqARaEJE, 0.000, 10.000, "/m/068hy,/m/07q6cd_"\n'
        '-0DdlOuIFUI, 50.000, 60.000, "/m/0k4j"\n'
    )
    assert list(audioset.segments(path)) == [
        ("--4gqARaEJE", ["/m/068hy", "/m/07q6cd_"]),
        ("-0DdlOuIFUI", ["/m/0k4j"]),
    ]
    assert list(audioset.segments(tmp_path / "none.csv")) == []


def test_a_moment_of_a_replay_is_filled_up():
    got = replays.moment(json.loads('{"entities": [[1, 2], [3, 4]], "target": 1, "won": 0}'))
    assert got["mask"].sum() == 2 and got["label"] == [1, 0]
    np.testing.assert_array_equal(got["entities"][1, :3], [3, 4, 0])
    with pytest.raises(ValueError, match="at most 512 rows of 256 numbers"):
        replays.moment({"entities": np.zeros((3, 300)), "target": 0, "won": 0})
