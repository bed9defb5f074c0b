"""Clips: frames cut and resized, videos and folders in, videos out."""

import io
from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf
from PIL import Image

from perceiver_keras.data import audio
from perceiver_keras.data.video import clips
from perceiver_keras.errors import PerceiverError


def png(pixels: np.ndarray) -> bytes:
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, "PNG")
    return buffer.getvalue()


def moving(frames: int = 6, side: int = 32) -> np.ndarray:
    """A bright square on its way to the right, float [T, H, W, 3]."""
    clip = np.full((frames, side, side, 3), 0.2)
    for frame in range(frames):
        clip[frame, 8:24, 2 * frame : 2 * frame + 12] = 0.8
    return clip


def test_frames_of_the_right_size_are_themselves():
    pixels = np.random.default_rng(0).integers(0, 256, (3, 8, 8, 3)).astype(np.uint8)
    got = clips.decode_frames(tf.constant([png(frame) for frame in pixels]), (8, 8))
    np.testing.assert_allclose(got, pixels / 255, atol=1e-6)


@pytest.mark.parametrize("size, part", [((9, 21), np.s_[:, 6:15]), ((20, 8), np.s_[6:14])])
def test_the_middle_is_taken(size, part):
    pixels = np.random.default_rng(1).integers(0, 256, (*size, 3)).astype(np.uint8)
    got = clips.middle(tf.constant(pixels), 1.0)
    np.testing.assert_array_equal(got, pixels[part])


def test_a_video_comes_back(tmp_path):
    """Through H.264 and AAC, so about."""
    clip, tone = moving(), 0.5 * np.sin(np.arange(6 * 1920) / 20)
    path = tmp_path / "a video.mp4"
    path.write_bytes(clips.to_mp4(clip, tone, 48_000))
    back = clips.read_video(path)
    assert len(back.frames) == 6
    got = clips.decode_frames(tf.constant(back.frames), (32, 32))
    assert np.abs(got - clip).mean() < 0.03
    heard = audio.decode_wav(tf.constant(back.sound), 6 * 1920, 48_000).numpy()
    assert np.corrcoef(heard[2000:9000], tone[2000:9000])[0, 1] > 0.9
    with pytest.raises(PerceiverError, match="longer than 0.1 s"):
        clips.read_video(path, seconds=0.1)
    assert clips.read_video(path, seconds=0.1, cut=True).frames == back.frames[:2]


def test_a_video_without_sound_and_what_is_not_a_video(tmp_path):
    path = tmp_path / "silent.mp4"
    path.write_bytes(clips.to_mp4(moving(2)))
    assert clips.read_video(path).sound == b""
    path.write_bytes(b"nothing")
    with pytest.raises(PerceiverError, match="ffmpeg can't read it"):
        clips.read_video(path)


def test_a_folder_is_a_clip_in_the_order_of_its_numbers(tmp_path):
    pictures = {f"f{i}.png": png(np.full((4, 4, 3), 10 * i, np.uint8)) for i in (9, 10, 11)}
    with pytest.raises(PerceiverError, match="has no images"):
        clips.read_folder(tmp_path)
    assert not clips.is_clip_folder(tmp_path)
    for name, content in pictures.items():
        (tmp_path / name).write_bytes(content)
    assert clips.is_clip_folder(tmp_path)
    assert clips.read_folder(tmp_path).frames == tuple(pictures.values())
    (tmp_path / "sound.wav").write_bytes(audio.encode_wav(np.zeros(10), 8000))
    assert audio.check_wav(clips.read_folder(tmp_path).sound) is None
    (tmp_path / "other.wav").write_bytes(b"x")
    with pytest.raises(PerceiverError, match="one sound file, but here are other.wav, sound.wav"):
        clips.read_folder(tmp_path)


def test_the_end_of_its_name_tells_a_video_from_a_sound():
    assert clips.is_video("a.MP4") and clips.is_video(Path("b.webm"))
    assert not clips.is_video("a.wav") and not clips.is_video("mp4")
