"""Clips: the same frames are found again, a moved object is another clip."""

from __future__ import annotations

import numpy as np
import pytest

from perceiver_keras.data.alike import clips
from perceiver_keras.data.alike.part import NEAR, PLAIN
from perceiver_keras.data.builders.perceiver_clips import perceiver_clips_dataset_builder as made
from perceiver_keras.data.described.decode import Decoded
from tests.data.alike.samples import bodies, changed, found, photographs


def clip(frames) -> clips.Part:
    return clips.part(Decoded("pictures", tuple(frames), count=len(frames)))


@pytest.mark.parametrize("how", ["JPEG", "half", "double", "brighter", "darker", "cut"])
def test_a_changed_clip_is_found(how):
    frames = photographs()[4:12]
    assert found(clips.SKETCH, clip(frames), clip([changed(frame, how) for frame in frames]))


def test_no_two_rendered_clips_are_the_same():
    rng = np.random.default_rng(0)
    parts = bodies([clip(made.render(rng, n % 4, 4, 16)[0]) for n in range(200)])
    np.testing.assert_array_equal(clips.near(parts, parts), np.eye(200, dtype=bool))


def test_one_other_frame_of_those_compared_makes_another_clip():
    frames = list(photographs()[:8])
    other = [*frames[:-1], photographs()[9]]
    assert not clips.near(bodies([clip(frames)]), bodies([clip(other)])).any()


def test_the_content_is_of_all_frames():
    frames = [frame.copy() for frame in photographs()[:8]]
    before = clip(frames).content
    frames[1][0, 0] ^= 1
    assert clip(frames).content != before


def test_a_black_clip_is_plain_and_one_of_one_frame_is_a_clip():
    assert clip([np.zeros([8, 8, 3], np.uint8)] * 3).state == PLAIN
    assert clip(photographs()[:1]).state == NEAR
