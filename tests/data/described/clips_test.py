"""Measures of clips, in closed form."""

import io

import numpy as np
import pytest
from PIL import Image

from perceiver_keras.data.described import clips, pictures
from perceiver_keras.data.described.decode import decoded


def measured(*frames) -> dict:
    files = []
    for frame in frames:
        file = io.BytesIO()
        Image.fromarray(frame).save(file, "PNG")
        files.append(file.getvalue())
    return clips.describe(decoded("pictures", files))


def flat(value, size=(4, 6)):
    return np.full(size, value, np.uint8)


def test_light_is_the_mean_over_frames_and_motion_the_mean_step():
    found = measured(flat(10), flat(20), flat(50))
    assert (found["frames"], found["height"], found["width"], found["sizes"]) == (3, 4, 6, 1)
    assert found["mean"] == pytest.approx(80 / 3)
    assert found["motion"] == pytest.approx((10 + 30) / 2)
    assert (found["constant"], found["format"], found["channels"]) == (1, b"PNG", 1)


def test_one_frame_is_the_picture_and_does_not_move():
    frame = np.random.default_rng(0).integers(0, 256, [5, 6, 3], np.uint8)
    found = measured(frame)
    assert found["motion"] == 0
    assert {k: found[k] for k in pictures.light(frame)} == pytest.approx(pictures.light(frame))


def test_of_a_long_clip_only_neighbours_count():
    frames = [flat(value) for value in range(0, 200, 2)]  # each step is 2; between pairs it is more
    found = measured(*frames)
    assert found["frames"] == 100 and found["motion"] == pytest.approx(2)


def test_frames_of_other_sizes_are_counted_and_do_not_move():
    found = measured(flat(1), flat(2, (8, 8)), flat(4, (8, 8)))
    assert (found["sizes"], found["height"], found["motion"]) == (2, 4, 2)


def test_colours_are_those_of_frames_that_have_any():
    colour = np.stack([flat(30), flat(60), flat(90)], -1)
    found = measured(colour, flat(0))
    assert [found[name] for name in pictures.COLOURS] == [30, 60, 90]
