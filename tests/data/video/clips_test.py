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
from tests.data.sound_files import CODECS, PICTURES, cut, heard, make, tone


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
    assert clips.is_video("a.MP4") and clips.is_video(Path("b.webm")) and clips.is_video("c.ts")
    assert not clips.is_video("a.wav") and not clips.is_video("mp4")


@pytest.mark.parametrize(
    ("aspect", "size"), [("2/1", (64, 32)), ("1/2", (16, 32)), ("1", (32, 32)), ("8", (128, 32))]
)
def test_pixels_that_are_not_square_become_so(tmp_path, aspect, size):
    path = make(tmp_path / "a.mkv", *PICTURES, "-vf", f"setsar={aspect}", "-c:v", "ffv1")
    frame = Image.open(io.BytesIO(clips.read_video(path).frames[0]))
    assert frame.size == size
    if aspect == "1":
        return
    plain = make(tmp_path / "plain.mkv", *PICTURES, "-c:v", "ffv1")
    square = Image.open(io.BytesIO(clips.read_video(plain).frames[0])).convert("RGB")
    wide = np.asarray(square.resize(size, Image.Resampling.BICUBIC), float)
    assert np.abs(np.asarray(frame.convert("RGB"), float) - wide).mean() < 12


def test_frames_that_begin_after_the_sound_keep_their_time(tmp_path):
    """The first one stands until then."""
    shift = ["-itsoffset", "1"]
    for suffix in ("mp4", "mkv", "ts"):
        path = tmp_path / f"a.{suffix}"
        clip = clips.read_video(make(path, *shift, *PICTURES, *tone(3, 48_000), *CODECS))
        assert abs(len(clip.frames) - 75) <= 1 and heard(clip.sound)[1] < 0.03
        same = [frame == clip.frames[0] for frame in clip.frames]
        assert abs(sum(same) - 26) <= 1 and all(same[:25])


def test_frames_and_a_late_sound_are_of_one_clock(tmp_path):
    path = tmp_path / "a.mov"
    clip = clips.read_video(make(path, *PICTURES, "-itsoffset", "0.5", *tone(1), *CODECS))
    assert len(clip.frames) == 50 and abs(heard(clip.sound)[1] - 0.5) < 0.03
    assert clips.read_video(path.read_bytes()) == clip


def test_a_video_whose_sound_or_end_is_lost_is_refused_not_silent(tmp_path):
    faststart = ["-movflags", "+faststart"]
    whole = make(tmp_path / "a.mp4", *PICTURES, *tone(2), *CODECS, *faststart)
    only = make(tmp_path / "sound.m4a", "-i", str(whole), "-vn", "-c", "copy", *faststart)
    content, packet = whole.read_bytes(), only.read_bytes()
    start = packet.find(b"mdat") + 4
    broken = content
    # The sound's packets lie between the pictures', a few at a time.
    for at in range(start, len(packet) - 40, 40):
        broken = broken.replace(packet[at : at + 40], bytes(40))
    (tmp_path / "deaf.mp4").write_bytes(broken)
    with pytest.raises(PerceiverError, match="decodes no sound|damaged"):
        clips.read_video(tmp_path / "deaf.mp4")
    for path in (cut(whole), cut(make(tmp_path / "a.mkv", *PICTURES, *tone(2), *CODECS))):
        with pytest.raises(PerceiverError, match="cut or damaged: .* s of its pictures"):
            clips.read_video(path)


def test_a_sound_with_a_cover_is_no_clip(tmp_path):
    song = make(tmp_path / "a.m4a", *tone(1))
    cover = make(tmp_path / "c.png", *PICTURES, "-frames:v", "1")
    both = ["-i", str(song), "-i", str(cover), "-map", "0", "-map", "1", "-c", "copy"]
    path = make(tmp_path / "b.mp4", *both, "-disposition:v", "attached_pic")
    with pytest.raises(clips.NoPictures, match="no frames, only sound"):
        clips.read_video(path)


def test_left_overs_in_a_folder_are_neither_frames_nor_sounds(tmp_path):
    for name in ("._1.png", "Thumbs.db", "desktop.ini"):
        (tmp_path / name).write_bytes(b"x")
    assert not clips.is_clip_folder(tmp_path)
    (tmp_path / "1.png").write_bytes(png(np.zeros((4, 4, 3), np.uint8)))
    assert clips.read_folder(tmp_path) == clips.Clip(((tmp_path / "1.png").read_bytes(),))
    (tmp_path / "sound.mp3").write_text("a letter")
    with pytest.raises(PerceiverError, match="sound.mp3: ffmpeg can't read it"):
        clips.read_folder(tmp_path)
