"""Colours against Middlebury's rule written another way, warping against known pictures."""

from __future__ import annotations

import colorsys
import io

import numpy as np
import pytest
from PIL import Image
from scipy import ndimage

from perceiver_keras.show import flow as drawn
from perceiver_keras.show import style

RNG = np.random.default_rng(4)


def restated_colour(u, v, largest):
    """The rule: the angle places the hue between fixed hues, and it gets paler towards the centre."""
    stops = np.array([0, 15, 21, 25, 36, 49, 55])  # red, yellow, green, cyan, blue, magenta, red
    red, green, blue = (
        [255, 255, 0, 0, 0, 255, 255],
        [0, 255, 255, 255, 0, 0, 0],
        [0, 0, 0, 255, 255, 255, 0],
    )
    turn = (np.arctan2(-v, -u) + np.pi) / (2 * np.pi) * 54
    hue = np.array([np.interp(turn, stops, channel) for channel in (red, green, blue)]) / 255
    radius = np.hypot(u, v) / largest
    return 255 * (1 - radius * (1 - hue)) if radius <= 1 else 255 * 0.75 * hue


def test_colours_follow_the_restated_rule():
    for u, v in RNG.normal(size=(300, 2)):
        found = drawn.to_colours(np.array([[[u, v]]]), 1.5)[0, 0].astype(float)
        # The wheel's own steps are rounded down, so a channel may be one or two levels off.
        assert np.abs(found - restated_colour(u, v, 1.5)).max() <= 2.1


def test_the_wheel_goes_through_the_pure_hues_once():
    wheel = drawn.colour_wheel()
    assert wheel.shape == (55, 3)
    hues = [colorsys.rgb_to_hsv(*(colour / 255))[0] for colour in wheel]
    assert np.all(np.diff(hues) > 0) and hues[0] == 0
    assert all(colorsys.rgb_to_hsv(*(colour / 255))[1:] == (1, 1) for colour in wheel)


def test_no_motion_is_white_beyond_the_scale_darker_unknown_black():
    flow = np.array([[[0, 0], [3, 0], [30, 0], [np.nan, 0], [2e9, 1]]])
    colours = drawn.to_colours(flow, 3.0)[0]
    assert colours.tolist() == [[255] * 3, [255, 0, 0], [191, 0, 0], [0] * 3, [0] * 3]
    assert drawn.largest_length(flow) == 30
    assert drawn.largest_length(np.zeros((2, 2, 2))) > 0


def test_left_and_right_up_and_down_have_the_known_colours():
    """Middlebury's: right is red, down is yellowish, left is cyan to blue, up is violet."""
    right, down, left, up = drawn.to_colours(
        np.array([[1, 0], [0, 1], [-1, 0], [0, -1]]), 1.0
    ).astype(int)
    assert right.tolist() == [255, 0, 0]
    assert down[0] > 200 and down[1] > 200 and down[2] == 0
    assert left[0] == 0 and left[2] > 200
    assert up[2] == 255 and up[0] > 50 and up[1] == 0


def test_the_legend_shows_the_motion_from_the_middle():
    wheel = drawn.legend(101)
    np.testing.assert_array_equal(wheel[50, 100], [255, 0, 0])  # right
    np.testing.assert_array_equal(wheel[50, 50], [255, 255, 255])
    np.testing.assert_array_equal(wheel[0, 0], [255, 255, 255])  # outside


def test_warping_back_by_a_whole_shift_is_a_shift():
    frame1 = RNG.normal(size=(9, 12, 3)).astype(np.float32)
    flow = np.broadcast_to(np.array([2.0, -1.0]), (9, 12, 2))
    frame2 = np.roll(frame1, (-1, 2), axis=(0, 1))
    warped = drawn.warp_back(frame2, flow)
    np.testing.assert_array_equal(warped[1:, :-2], frame1[1:, :-2])
    assert np.isnan(warped[0]).all() and np.isnan(warped[:, -2:]).all()


def test_warping_back_is_scipys_bilinear_interpolation():
    frame2, flow = RNG.normal(size=(7, 8, 1)), RNG.normal(size=(7, 8, 2)) * 2
    y, x = np.mgrid[:7, :8]
    expected = ndimage.map_coordinates(
        frame2[..., 0], [y + flow[..., 1], x + flow[..., 0]], order=1, cval=np.nan
    )
    warped = drawn.warp_back(frame2, flow)[..., 0]
    inside = ~np.isnan(warped)
    assert 10 < inside.sum() < 56
    np.testing.assert_allclose(warped[inside], expected[inside], rtol=1e-5, atol=1e-6)
    assert drawn.warp_back(np.ones((1, 1, 3)), np.zeros((1, 1, 2))).tolist() == [[[1, 1, 1]]]


def test_the_error_is_the_distance_and_nothing_where_nothing_is_known():
    truth = np.zeros((2, 3, 2))
    flow = np.tile([3.0, 4.0], (2, 3, 1))
    truth[0, 0] = np.nan
    error = drawn.end_point_error(flow, truth, valid=[[1, 1, 1], [1, 1, 0]])
    np.testing.assert_array_equal(error, [[np.nan, 5, 5], [5, 5, np.nan]])


@pytest.mark.parametrize("channels", [1, 3])
def test_a_pair_sheet_is_drawn_with_and_without_truth(channels):
    frames = RNG.normal(size=(2, 20, 30, channels))
    flow = RNG.normal(size=(20, 30, 2))
    truth = np.where(RNG.random((20, 30, 1)) < 0.1, np.nan, flow + 1)
    for figure, panels in (
        (drawn.pair_sheet(frames, flow), 3 + 1),
        (drawn.pair_sheet(frames, flow, truth), 5 + 1 + 1),  # the legend, and the error's scale
    ):
        assert len(figure.axes) == panels
        picture = np.asarray(Image.open(io.BytesIO(style.to_png(figure, 50))).convert("RGB"))
        assert picture.std() > 10


def test_worst_and_best_pairs_are_chosen_by_their_error():
    assert drawn.extremes([1.0, 5.0, np.nan, 3.0, 0.5, 4.0], 2) == [1, 5, 4, 0]
    assert drawn.extremes([2.0], 2) == [0]
    truth = np.zeros((5, 8, 10, 2))
    flows = truth + np.array([1.0, 4.0, 2.0, 3.0, 0.5])[:, None, None, None] * [1, 0]
    figure = drawn.worst_and_best(RNG.normal(size=(5, 2, 8, 10, 3)), flows, truth, count=1)
    assert [a.get_ylabel() for a in figure.axes if a.get_ylabel()] == [
        "worst: 4.00 px",
        "best: 0.50 px",
    ]
