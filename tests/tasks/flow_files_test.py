"""Pairs from words of the command line, and films of flow read back by ffmpeg."""

from __future__ import annotations

import imageio_ffmpeg
import numpy as np
import pytest
import tensorflow as tf

from perceiver_keras.errors import PerceiverError, UsageError
from perceiver_keras.show.flow import to_colours
from perceiver_keras.tasks.optical_flow import films as flow_files
from perceiver_keras.tasks.optical_flow.films import FlowFilm, Pair

RNG = np.random.default_rng(6)


def png(height=4, width=6, channels=3, dtype=np.uint8):
    top = np.iinfo(dtype).max
    return tf.io.encode_png(RNG.integers(0, top, (height, width, channels), dtype=dtype)).numpy()


def write(folder, **files):
    folder.mkdir(exist_ok=True)
    for name, content in files.items():
        (folder / name).write_bytes(content)
    return folder


def make_film(path, frames, rate=10):
    height, width = frames[0].shape[:2]
    writer = imageio_ffmpeg.write_frames(str(path), (width, height), fps=rate, macro_block_size=2)
    writer.send(None)
    for frame in frames:
        writer.send(np.ascontiguousarray(frame))
    writer.close()


# === Pairs ===


def test_pictures_are_consecutive_pairs_in_the_order_given(tmp_path):
    a, b, c = png(), png(channels=1), png(channels=4)
    write(tmp_path, **{"a.png": a, "b.png": b, "c.png": c})
    names = [str(tmp_path / name) for name in ("c.png", "a.png", "b.png")]
    assert [tuple(r) for r in flow_files.requests(names[:2])] == [(names[0], Pair(c, a), "")]
    assert [r.content[:2] for r in flow_files.requests(names)] == [(c, a), (a, b)]
    inputs = flow_files.as_inputs([Pair(c, a), Pair(a, b)])
    assert list(inputs["frame1_bytes"]) == [c, a] and list(inputs["frame2_bytes"]) == [a, b]


def test_a_folder_s_pictures_go_by_the_numbers_in_their_names(tmp_path):
    frames = {f"frame{i}.png": png() for i in (10, 9, 11)}
    write(tmp_path, **frames, **{"notes.txt": b"x", ".hidden.png": b"x"})
    found = list(flow_files.requests([str(tmp_path)]))
    assert [r.name.rsplit("/", 1)[1] for r in found] == ["frame9.png", "frame10.png"]
    assert found[1].content[:2] == (frames["frame10.png"], frames["frame11.png"])


def test_a_frame_that_can_t_be_used_spoils_its_pairs_alone(tmp_path):
    write(
        tmp_path,
        **{"1.png": png(), "2.png": b"no picture", "3.png": png(), "4.png": png(5, 6)},
        **{"5.png": png(5, 6), "6.png": b""},
    )
    found = list(flow_files.requests([str(tmp_path)]))
    assert [bool(r.error) for r in found] == [True, True, True, False, True]
    assert "2.png: not a PNG, JPEG" in found[0].error and "2.png" in found[1].error
    assert "3.png has 4x6 pixels and" in found[2].error and "4.png 5x6" in found[2].error
    assert "6.png: empty" in found[4].error


def test_what_is_no_sequence_is_said(tmp_path):
    one = write(tmp_path / "one", **{"a.png": png(), "a.txt": b"x"})
    none = write(tmp_path / "none", **{"a.txt": b"x"})
    film = write(tmp_path / "films", **{"a.mp4": b"no film", "empty.mp4": b""})
    for words, expected in (
        ([str(one / "a.png")], "Flow goes from one frame to the next and got only .*a.png"),
        ([str(one)], "the folder .*one has 1; name two"),
        ([str(none)], r"The folder .*none has no pictures \(.bmp, .jpeg, .jpg, .png\)"),
        ([str(one), str(none)], "a sequence of its own"),
        ([str(film / "a.mp4"), str(one / "a.png")], "a sequence of its own"),
        ([str(film / "b.mp4")], "b.mp4 does not exist"),
        ([], "Name at least one file"),
    ):
        with pytest.raises(UsageError, match=expected):
            list(flow_files.requests(words))
    for name, expected in (("a.mp4", "a.mp4 can't be read as a film: "), ("empty.mp4", "empty")):
        with pytest.raises(PerceiverError, match=expected):
            list(flow_files.requests([str(film / name)]))


def test_a_film_is_streamed_pair_by_pair(tmp_path):
    shades = [0, 80, 160, 240]
    path = tmp_path / "grey.film.mp4"
    make_film(path, [np.full((16, 32, 3), shade, np.uint8) for shade in shades])
    found = list(flow_files.requests([str(path)]))
    assert [r.name for r in found] == [f"grey.film_00000{i}.mp4" for i in (1, 2, 3)]
    for request, first, second in zip(found, shades, shades[1:], strict=False):
        for content, shade in zip(request.content[:2], (first, second), strict=True):
            pixels = tf.io.decode_png(content).numpy()
            assert pixels.shape == (16, 32, 3) and np.abs(pixels - float(shade)).max() <= 6
        assert request.content.rate == 10
    assert found[0].content.frame2 == found[1].content.frame1
    make_film(path, [np.zeros((16, 32, 3), np.uint8)])
    with pytest.raises(PerceiverError, match="has 1 frames; flow needs two"):
        list(flow_files.requests([str(path)]))


# === Films of flow ===


def test_a_film_of_flow_is_its_colours_at_one_scale_and_the_source_s_speed(tmp_path):
    path = tmp_path / "made/flow.mp4"
    film = FlowFilm(path)
    # Odd sides: the film has even ones.
    flows = [np.broadcast_to(np.float32([x, 0]), (33, 47, 2)) for x in (8, -4, 0)]
    for flow in flows:
        film.add(Pair(b"", b"", 12.0), {"flow": flow})
        assert not path.exists()
    film.close()
    assert [p.name for p in path.parent.iterdir()] == ["flow.mp4"]
    frames = imageio_ffmpeg.read_frames(str(path))
    about = next(frames)
    assert about["size"] == (46, 32) and about["fps"] == 12
    read = [np.frombuffer(raw, np.uint8).reshape(32, 46, 3) for raw in frames]
    assert len(read) == 3
    for picture, flow in zip(read, flows, strict=True):
        expected = to_colours(flow, 8.0)[:32, :46].astype(float)
        assert np.abs(picture - expected).mean() < 12  # the codec halves the colours' resolution


def test_a_film_has_one_size_and_nothing_is_written_of_nothing(tmp_path):
    film = FlowFilm(tmp_path / "a.mp4")
    film.close()
    assert list(tmp_path.iterdir()) == []
    film.add(Pair(b"", b""), {"flow": np.zeros((4, 6, 2))})
    with pytest.raises(UsageError, match="of one size, got"):
        film.add(Pair(b"", b""), {"flow": np.zeros((4, 7, 2))})


def test_a_film_of_a_single_pixel_can_be_written(tmp_path):
    film = FlowFilm(tmp_path / "a.mp4")
    film.add(Pair(b"", b""), {"flow": np.ones((1, 1, 2))})
    film.close()
    assert next(imageio_ffmpeg.read_frames(str(tmp_path / "a.mp4")))["size"] == (2, 2)
