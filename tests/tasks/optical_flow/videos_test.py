"""Videos in, frame by frame, and videos of flow out, read back by ffmpeg."""

from __future__ import annotations

import imageio_ffmpeg
import numpy as np
import pytest
import tensorflow as tf

from perceiver_keras.errors import PerceiverError, UsageError
from perceiver_keras.show.flow import to_colours
from perceiver_keras.tasks.optical_flow.predict import Pair, requests
from perceiver_keras.tasks.optical_flow.videos import FlowVideo, frames_of


def make_video(path, frames, rate=10):
    height, width = frames[0].shape[:2]
    writer = imageio_ffmpeg.write_frames(str(path), (width, height), fps=rate, macro_block_size=2)
    writer.send(None)
    for frame in frames:
        writer.send(np.ascontiguousarray(frame))
    writer.close()


# === In ===


def test_a_video_is_streamed_pair_by_pair(tmp_path):
    shades = [0, 80, 160, 240]
    path = tmp_path / "grey.video.mp4"
    make_video(path, [np.full((16, 32, 3), shade, np.uint8) for shade in shades])
    found = list(requests([str(path)]))
    assert [r.name for r in found] == [
        str(tmp_path / f"grey.video_00000{i}.mp4") for i in (1, 2, 3)
    ]
    for request, first, second in zip(found, shades, shades[1:], strict=False):
        for content, shade in zip(request.content[:2], (first, second), strict=True):
            pixels = tf.io.decode_png(content).numpy()
            assert pixels.shape == (16, 32, 3) and np.abs(pixels - float(shade)).max() <= 6
        assert request.content.rate == 10
    assert found[0].content.frame2 == found[1].content.frame1
    make_video(path, [np.zeros((16, 32, 3), np.uint8)])
    with pytest.raises(PerceiverError, match="has 1 frames; flow needs two"):
        list(requests([str(path)]))


def test_a_video_without_a_frame_is_named(tmp_path):
    with pytest.raises(UsageError, match="none.mp4 does not exist"):
        next(frames_of(str(tmp_path / "none.mp4")))
    (tmp_path / "a.mp4").write_bytes(b"")
    with pytest.raises(PerceiverError, match="a.mp4 is empty"):
        next(frames_of(str(tmp_path / "a.mp4")))
    (tmp_path / "a.mp4").write_bytes(b"not a video")
    with pytest.raises(PerceiverError, match=r"a.mp4 can't be read as a video: \w"):
        next(frames_of(str(tmp_path / "a.mp4")))


# === Out ===


def test_a_video_of_flow_is_its_colours_at_one_scale_and_the_source_s_speed(tmp_path):
    path = tmp_path / "made/flow.mp4"
    video = FlowVideo(path)
    # Odd sides: the video has even ones.
    flows = [np.broadcast_to(np.float32([x, 0]), (33, 47, 2)) for x in (8, -4, 0)]
    for flow in flows:
        video.add(Pair(b"", b"", 12.0), {"flow": flow})
        assert not path.exists()
    video.close()
    assert [p.name for p in path.parent.iterdir()] == ["flow.mp4"]
    frames = imageio_ffmpeg.read_frames(str(path))
    about = next(frames)
    assert about["size"] == (46, 32) and about["fps"] == 12
    read = [np.frombuffer(raw, np.uint8).reshape(32, 46, 3) for raw in frames]
    assert len(read) == 3
    for picture, flow in zip(read, flows, strict=True):
        expected = to_colours(flow, 8.0)[:32, :46].astype(float)
        assert np.abs(picture - expected).mean() < 12  # the codec halves the colours' resolution


def test_a_video_has_one_size_and_nothing_is_written_of_nothing(tmp_path):
    video = FlowVideo(tmp_path / "a.mp4")
    video.close()
    assert list(tmp_path.iterdir()) == []
    video.add(Pair(b"", b""), {"flow": np.zeros((4, 6, 2))})
    with pytest.raises(UsageError, match="must have the same size, got"):
        video.add(Pair(b"", b""), {"flow": np.zeros((4, 7, 2))})


def test_a_video_of_a_single_pixel_can_be_written(tmp_path):
    video = FlowVideo(tmp_path / "a.mp4")
    video.add(Pair(b"", b""), {"flow": np.ones((1, 1, 2))})
    video.close()
    assert next(imageio_ffmpeg.read_frames(str(tmp_path / "a.mp4")))["size"] == (2, 2)
