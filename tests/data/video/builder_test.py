"""From a user's videos to records: splits, and windows of frames with their sound."""

import numpy as np
import pytest
import tensorflow as tf
import tensorflow_datasets as tfds

from perceiver_keras.data import audio
from perceiver_keras.data.video import builder, clips
from perceiver_keras.errors import UsageError


def touch(path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.touch()


def test_without_folders_of_splits_a_hash_decides(tmp_path):
    for number in range(40):
        touch(tmp_path / "run" / f"{number}.mp4")
    found = builder.videos_by_split(tmp_path)
    assert found == builder.videos_by_split(tmp_path)
    assert sum(map(len, found.values())) == 40 and len(found["train"]) > 25
    with pytest.raises(UsageError, match="holds no videos as CLASS/VIDEO.mp4"):
        builder.videos_by_split(tmp_path / "run")


def test_folders_of_splits_are_taken_as_they_are(tmp_path):
    """Kinetics names its second split val; other files in a class's folder are not videos."""
    for name in ("train/sit/b.mp4", "train/run/a.webm", "val/run/c.mp4", "train/run/notes.txt"):
        touch(tmp_path / name)
    assert builder.videos_by_split(tmp_path) == {
        "train": [("run", tmp_path / "train/run/a.webm"), ("sit", tmp_path / "train/sit/b.mp4")],
        "validation": [("run", tmp_path / "val/run/c.mp4")],
    }


def test_the_files_may_lie_in_a_folder_of_the_set_s_name(tmp_path):
    root = tmp_path / "manual"
    manager = tfds.download.DownloadManager(
        download_dir=tmp_path, manual_dir=root, manual_dir_instructions="put videos there"
    )
    touch(root / "run" / "a.mp4")
    assert builder.manual_folder(manager, "video_folder") == root
    touch(root / "video_folder" / "run" / "a.mp4")
    assert builder.manual_folder(manager, "video_folder") == root / "video_folder"


def test_windows_follow_each_other_with_their_sound(tmp_path):
    """10 frames, each brighter and with a louder tone than the one before, in windows of 4: the rest is dropped."""
    bright = np.linspace(0.1, 0.9, 10)
    tone = np.repeat(bright, builder.SAMPLES) / 2 * np.sin(np.arange(10 * builder.SAMPLES) / 9)
    path = tmp_path / "a.mp4"
    path.write_bytes(clips.to_mp4(bright[:, None, None, None] * np.ones((1, 16, 16, 3)), tone))
    found = list(builder.windows(path, 4, None))
    assert len(found) == 2
    for window, start in zip(found, (0, 4), strict=True):
        frames = [file.getvalue() for file in window["frames"]]
        assert all(frame[:2] == b"\xff\xd8" for frame in frames)  # JPEG
        shown = clips.decode_frames(tf.constant(frames), (16, 16)).numpy().mean((1, 2, 3))
        np.testing.assert_allclose(shown, bright[start : start + 4], atol=0.03)
        samples, rate = tf.audio.decode_wav(window["audio"])
        assert rate == 48_000 and samples.shape == (4 * builder.SAMPLES, 1)
        part = tone[start * builder.SAMPLES : (start + 4) * builder.SAMPLES]
        inner = slice(builder.SAMPLES // 2, -builder.SAMPLES // 2)  # AAC is poor at the ends
        assert np.corrcoef(samples[inner, 0], part[inner])[0, 1] > 0.9
    assert len(list(builder.windows(path, 4, 1))) == 1


def test_a_short_video_is_filled_up_with_its_last_frame_and_silence(tmp_path):
    path = tmp_path / "a.mp4"
    path.write_bytes(clips.to_mp4(np.full((2, 16, 16, 3), 0.5), np.full(2 * 1920, 0.5)))
    (window,) = builder.windows(path, 5, 3)
    frames = [file.getvalue() for file in window["frames"]]
    assert len(frames) == 5 and len(set(frames[1:])) == 1
    samples = audio.decode_whole(tf.constant(window["audio"]), 48_000).numpy()
    assert len(samples) == 5 * 1920 and samples[:1920].any() and not samples[4 * 1920 :].any()
