"""Clips as users have them: videos, folders of images, several at once."""

from __future__ import annotations

import numpy as np
import pytest
import tensorflow as tf

from perceiver_keras.data.video.clips import Clip, to_mp4
from perceiver_keras.errors import PerceiverError
from perceiver_keras.tasks.shared import clips
from tests.tasks.multimodal_autoencoding.example import clip


def test_requests_are_videos_and_folders_of_frames(tmp_path):
    frames = tmp_path / "frames"
    frames.mkdir()
    for number, frame in enumerate(clip().frames):
        (frames / f"{number}.png").write_bytes(frame)
    (tmp_path / "broken.mp4").write_bytes(b"no video")
    found = list(clips.requests([str(frames), str(tmp_path / "broken.mp4")]))
    assert found[0].content == Clip(clip().frames) and found[0].error == ""
    assert found[1].content is None and "ffmpeg can't read it" in found[1].error
    with pytest.raises(PerceiverError, match="does not exist"):
        clips.to_clip(tmp_path / "nothing")
    with pytest.raises(PerceiverError, match="different lengths"):
        clips.pack([clip(4), clip(5)])


def test_a_folder_of_videos_stands_for_each_of_them(tmp_path):
    for name, frames in (("b", 2), ("a", 3)):
        (tmp_path / f"{name}.mp4").write_bytes(to_mp4(np.full((frames, 16, 16, 3), 0.5)))
    found = list(clips.requests([str(tmp_path)]))
    assert [request.name for request in found] == [str(tmp_path / f"{n}.mp4") for n in "ab"]
    assert [len(request.content.frames) for request in found] == [3, 2]
    content = (tmp_path / "a.mp4").read_bytes()
    assert clips.to_clip(content) == clips.to_clip(tmp_path / "a.mp4")


def test_packed_clips_keep_their_frames_and_silence_is_a_wav():
    silent = clip(seed=1)._replace(sound=b"")
    packed = clips.pack([clip(), silent])
    assert packed["frames_bytes"].tolist() == [list(clip().frames), list(silent.frames)]
    assert packed["audio_bytes"][0] == clip().sound
    samples, rate = tf.audio.decode_wav(packed["audio_bytes"][1])
    assert samples.shape[0] == 0 and rate == 48_000
