"""Pairs from words of the command line, and answers, files and pictures from a pair's flow."""

from __future__ import annotations

import numpy as np
import pytest
import tensorflow as tf
from matplotlib.quiver import Quiver

from perceiver_keras.data.flow import formats
from perceiver_keras.errors import PerceiverError, UsageError
from perceiver_keras.tasks.optical_flow import predict
from perceiver_keras.tasks.optical_flow.predict import Pair

RNG = np.random.default_rng(6)


def png(height=4, width=6, channels=3, dtype=np.uint8):
    top = np.iinfo(dtype).max
    return tf.io.encode_png(RNG.integers(0, top, (height, width, channels), dtype=dtype)).numpy()


def write(folder, **files):
    folder.mkdir(exist_ok=True)
    for name, content in files.items():
        (folder / name).write_bytes(content)
    return folder


# === Pairs ===


def test_pictures_are_consecutive_pairs_in_the_order_given(tmp_path):
    a, b, c = png(), png(channels=1), png(channels=4)
    write(tmp_path, **{"a.png": a, "b.png": b, "c.png": c})
    names = [str(tmp_path / name) for name in ("c.png", "a.png", "b.png")]
    assert [tuple(r) for r in predict.requests(names[:2])] == [(names[0], Pair(c, a), "")]
    assert [r.content[:2] for r in predict.requests(names)] == [(c, a), (a, b)]
    inputs = predict.pack([Pair(c, a), Pair(a, b)])
    assert list(inputs["frame1_bytes"]) == [c, a] and list(inputs["frame2_bytes"]) == [a, b]


def test_a_folder_s_pictures_go_by_the_numbers_in_their_names(tmp_path):
    frames = {f"frame{i}.png": png() for i in (10, 9, 11)}
    write(tmp_path, **frames, **{"notes.txt": b"x", ".hidden.png": b"x"})
    found = list(predict.requests([str(tmp_path)]))
    assert [r.name.rsplit("/", 1)[1] for r in found] == ["frame9.png", "frame10.png"]
    assert found[1].content[:2] == (frames["frame10.png"], frames["frame11.png"])


def test_a_frame_that_can_t_be_used_spoils_its_pairs_alone(tmp_path):
    write(
        tmp_path,
        **{"1.png": png(), "2.png": b"no picture", "3.png": png(), "4.png": png(5, 6)},
        **{"5.png": png(5, 6), "6.png": b""},
    )
    found = list(predict.requests([str(tmp_path)]))
    assert [bool(r.error) for r in found] == [True, True, True, False, True]
    assert "2.png: not a PNG, JPEG" in found[0].error and "2.png" in found[1].error
    assert "3.png has 4x6 pixels and" in found[2].error and "4.png 5x6" in found[2].error
    assert "6.png: empty" in found[4].error


def test_what_is_not_a_sequence_is_named(tmp_path):
    one = write(tmp_path / "one", **{"a.png": png(), "a.txt": b"x"})
    none = write(tmp_path / "none", **{"a.txt": b"x"})
    videos = write(tmp_path / "videos", **{"a.mp4": b"not a video", "empty.mp4": b""})
    for words, expected in (
        ([str(one / "a.png")], "Flow goes from one frame to the next, but got only .*a.png"),
        ([str(one)], "the folder .*one has 1; name two"),
        ([str(none)], r"The folder .*none has no pictures \(.bmp, .jpeg, .jpg, .png\)"),
        ([str(one), str(none)], "a sequence of its own"),
        ([str(videos / "a.mp4"), str(one / "a.png")], "a sequence of its own"),
        ([str(videos / "b.mp4")], "b.mp4 does not exist"),
        ([], "Name at least one file"),
    ):
        with pytest.raises(UsageError, match=expected):
            list(predict.requests(words))
    for name, expected in (("a.mp4", "a.mp4 can't be read as a video: "), ("empty.mp4", "empty")):
        with pytest.raises(PerceiverError, match=expected):
            list(predict.requests([str(videos / name)]))


def test_python_s_pairs_are_frames_of_any_kind(tmp_path):
    content = png()
    (tmp_path / "a.png").write_bytes(content)
    pixels = tf.io.decode_png(content).numpy()
    inputs = predict.pack([(tmp_path / "a.png", content)])
    assert list(inputs["frame1_bytes"]) == list(inputs["frame2_bytes"]) == [content]
    (encoded,) = predict.pack([(pixels, content)])["frame1_bytes"]
    np.testing.assert_array_equal(tf.io.decode_png(encoded), pixels)
    for wrong, words in ((content, "a pair of frames"), ((content, 3), "frame2: expected a path")):
        with pytest.raises(UsageError, match=words):
            predict.pack([wrong])


# === Answers, files and pictures ===


def test_answers_give_size_and_motion():
    flow = np.zeros((1, 2, 4, 2), np.float32)
    flow[0, 0, 0] = [3, 4]
    assert predict.answers({"flow": flow}, None, 5) == [
        {"height": 2, "width": 4, "mean_motion": 0.625, "largest_motion": 5.0}
    ]


@pytest.mark.parametrize("suffix", predict.FORMATS)
def test_a_saved_file_holds_the_flow(suffix):
    flow = RNG.integers(-640, 640, (4, 6, 2)) / 64  # KITTI's PNG holds 64ths of a pixel
    content = predict.FORMATS[suffix]({"flow": flow})
    found, known = formats.read_flow(content, suffix)
    np.testing.assert_array_equal(found, flow)
    assert known.all()


def test_pictures_have_a_row_per_pair():
    frames = png(8, 10), png(8, 10)
    figure = predict.picture([frames] * 2, [{"flow": np.ones((8, 10, 2))}] * 2, None)
    assert len(figure.axes) == 2 * 3 + 1


class Rightwards:
    """A model for which every pixel moves by one to the right."""

    def predict_on_batch(self, frames):
        return np.broadcast_to(np.float32([1, 0]), (*np.shape(frames)[:1], 8, 10, 2))


def test_the_report_shows_the_worst_pairs_first():
    """Errors of 0, 1, 2 … 5 pixels; a pair of which nothing is known is not among them."""
    frames = tf.constant(RNG.uniform(-1, 1, (7, 2, 8, 10, 3)), tf.float32)
    truth = np.zeros((7, 8, 10, 4), np.float32)
    truth[..., 0] = 1 + np.arange(7)[:, None, None]
    truth[:6, ..., 2] = 1
    figures = predict.report(Rightwards(), frames, tf.constant(truth), None, None)
    extremes, first = figures.values()
    titles = [axes.get_ylabel() for axes in extremes.axes if axes.get_ylabel()]
    assert titles == ["worst: 5.00 px", "worst: 4.00 px", "best: 0.00 px", "best: 1.00 px"]
    assert len([axes for axes in first.axes if axes.get_title() == "first frame, motion"]) == 1
    drawn = [item for axes in first.axes for item in axes.collections]
    arrows = [item for item in drawn if isinstance(item, Quiver)]
    assert len(arrows) == 4 and all((item.U == 1).all() for item in arrows)


def test_a_line_gives_size_and_motion():
    (answer,) = predict.answers({"flow": np.full((1, 2, 4, 2), [3, 4], np.float32)}, None, 5)
    assert predict.line(answer) == "2 x 4 pixels; motion 5 px on average, 5 px at most"
