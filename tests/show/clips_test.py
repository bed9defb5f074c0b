"""Frames above their reconstructions, and both sounds."""

from __future__ import annotations

import numpy as np

from perceiver_keras.show import clips

RNG = np.random.default_rng(3)


def row(frames: int, title: str = "") -> clips.Row:
    pictures = RNG.random((2, frames, 4, 5, 3))
    sounds = RNG.normal(size=(2, 100))
    return clips.Row(*pictures, *sounds, title)


def test_frames_from_first_to_last_above_their_reconstructions() -> None:
    given = row(11)
    figure = clips.reconstructions([given])
    *pictures, _ = figure.axes
    assert len(pictures) == 2 * clips.FRAMES
    # From the first to the last of the 11, evenly.
    for column, frame in enumerate((0, 2, 4, 6, 8, 10)):
        above, below = pictures[2 * column : 2 * column + 2]
        np.testing.assert_array_equal(above.images[0].get_array(), given.frames[frame])
        np.testing.assert_array_equal(below.images[0].get_array(), given.frames_back[frame])
        assert above.get_position().y0 > below.get_position().y0
    assert [axes.get_ylabel() for axes in pictures[:3]] == ["input", "output", ""]


def test_both_sounds_share_one_panel() -> None:
    given = row(3, "a title")
    *pictures, waves = clips.reconstructions([given]).axes
    assert len(pictures) == 2 * 3
    lines = {line.get_label(): line.get_ydata() for line in waves.lines}
    assert lines.keys() == {"input", "output"}
    np.testing.assert_array_equal(lines["input"], given.sound)
    np.testing.assert_array_equal(lines["output"], given.sound_back)
    assert waves.get_title() == "a title"


def test_values_beyond_the_range_are_cut_and_many_clips_are_left_out(caplog) -> None:
    bright = row(1)._replace(frames=np.full((1, 2, 2, 3), 7.0))
    figure = clips.reconstructions([bright] * (clips.MOST + 1))
    assert len(figure.axes) == clips.MOST * 3
    np.testing.assert_array_equal(figure.axes[0].images[0].get_array(), np.ones((2, 2, 3)))
    assert caplog.messages == []  # matplotlib warns about each picture that it has to clip
