"""From a user's videos to records: classes, and windows of frames with their sound."""

import numpy as np
import pytest
import tensorflow as tf

from perceiver_keras.data import audio
from perceiver_keras.data.own.files import listing
from perceiver_keras.data.video import builder, clips
from perceiver_keras.errors import UsageError


def listed(root, *names):
    for name in names:
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"x")
    return listing(root)


def test_videos_lie_in_folders_of_classes(tmp_path):
    found = listed(tmp_path, "run/a.webm", "sit/b.MP4", "run/notes.txt", "c.mp4", "run/._a.webm")
    assert builder.find_videos(found) == [
        builder.Video("run/a.webm", tmp_path / "run/a.webm", "run", None),
        builder.Video("sit/b.MP4", tmp_path / "sit/b.MP4", "sit", None),
    ]
    assert found.passed == {"hidden": 1, "not videos": 1, "in no folder of a class": 1}
    with pytest.raises(UsageError, match="holds no videos as CLASS/VIDEO.mp4"):
        builder.find_videos(listing(tmp_path / "run"))


def test_folders_of_splits_are_taken_as_they_are(tmp_path):
    """Kinetics names its second split val."""
    found = listed(tmp_path, "train/sit/b.mp4", "train/run/a.webm", "val/run/c.mp4", "train/d.mp4")
    videos = builder.find_videos(found)
    assert [(video.name, video.label, video.split) for video in videos] == [
        ("train/run/a.webm", "run", "train"),
        ("train/sit/b.mp4", "sit", "train"),
        ("val/run/c.mp4", "run", "validation"),
    ]
    assert found.passed == {"in no folder of a class": 1}


def test_folders_of_splits_are_not_classes(tmp_path):
    with pytest.raises(UsageError, match="holds no videos as CLASS/VIDEO.mp4"):
        builder.find_videos(listed(tmp_path, "train/a.mp4", "test/b.mp4"))
    # A class may have the name of a split.
    videos = builder.find_videos(listed(tmp_path, "cricket/c.mp4"))
    assert {video.label for video in videos} == {"train", "test", "cricket"}


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
