"""The renderer against NumPy in float64, by other rules: crossings for polygons, Newton for motion."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
import tensorflow as tf
from scipy import ndimage, optimize

from perceiver_keras.data.scenes import draw, render
from perceiver_keras.data.scenes.config import SceneConfig
from tests.data.scenes.small_scenes import FAST, HARD, SIZE, first_pairs, smooth, some_scenes

# === Photographs as textures ===


def test_a_photograph_is_sampled_as_by_scipy_and_goes_on_mirrored():
    """At full size and halved, of the second of two photographs of different sizes."""
    dice = np.random.default_rng(0)
    photographs = [dice.integers(0, 256, (*size, 3), np.uint8) for size in ((9, 12), (10, 14))]
    atlas = render.make_atlas(photographs, 2.0)
    assert list(atlas.levels) == [2, 2] and list(atlas.first) == [0, 2]
    halved = np.rint(photographs[1].reshape(5, 2, 7, 2, 3).mean((1, 3)))
    point = dice.uniform(-30, 40, (2, 1, 1, 6, 8)).astype(np.float32)
    for row, picture in ((2, photographs[1].astype(float)), (3, halved)):
        found = render.sample(atlas, tf.constant([[row]]), tuple(tf.constant(point)))
        for channel in range(3):
            expected = ndimage.map_coordinates(
                picture[..., channel], point[::-1, 0, 0], order=1, mode="mirror"
            )
            np.testing.assert_allclose(found[channel][0, 0], expected, atol=1e-2)


# === The scene in NumPy ===


def moved(numbers, layer, point, time=1.0):
    """Where a layer's point of frame 1 is at `time`."""
    numbers = numbers["motion"][layer].astype(np.float64)
    centre, shift, matrix = numbers[:2], numbers[2:4], numbers[4:8].reshape(2, 2)
    way = matrix @ (point - centre) + shift
    for k in range(8, len(numbers), 5):
        way = way + numbers[k + 3 : k + 5] * np.sin(numbers[k : k + 2] @ point + numbers[k + 2])
    return point + time * way


def came_from(numbers, layer, point, time=1.0):
    return optimize.fsolve(lambda p: moved(numbers, layer, p, time) - point, point, xtol=1e-10)


def crossings(corners, point):
    """Whether a polygon holds the point, by the number of its edges right of it."""
    odd = False
    for (x0, y0), (x1, y1) in zip(corners, np.roll(corners, -1, 0), strict=True):
        if (y0 > point[1]) != (y1 > point[1]):
            odd ^= point[0] < x0 + (point[1] - y0) / (y1 - y0) * (x1 - x0)
    return odd


def to_edges(numbers, layer, point):
    """Distance to the nearest edge of the layer's outline or hole."""
    nearest = np.inf
    for corners in numbers["corners"][layer - 1].astype(np.float64):
        for begin, end in zip(corners, np.roll(corners, -1, 0), strict=True):
            edge = end - begin
            part = np.clip((point - begin) @ edge / max(edge @ edge, 1e-12), 0, 1)
            nearest = min(nearest, np.linalg.norm(point - begin - part * edge))
    return nearest


def covers(numbers, layer, point):
    if not layer:
        return True
    outline, hole = numbers["corners"][layer - 1].astype(np.float64)
    here = crossings(outline, point) and not crossings(hole, point)
    return bool(numbers["present"][layer - 1]) and here


def seen(numbers, point, time=0.0):
    """(the layer seen there, how near its decision is to an edge)."""
    near, layer = np.inf, 0
    for above in range(len(numbers["motion"])):
        place = came_from(numbers, above, point, time) if time else point
        if above and numbers["present"][above - 1]:
            near = min(near, to_edges(numbers, above, place))
        layer = above if covers(numbers, above, place) else layer
    return layer, near


@pytest.mark.parametrize("config", [HARD, FAST], ids=["slow", "fast"])
def test_flow_and_occlusion_are_those_of_numpy(config):
    checked = hidden = 0
    for numbers in some_scenes(config, count=5):
        for y, x in np.random.default_rng(0).integers(0, SIZE, (60, 2)):
            point = np.array([x, y], np.float64)
            layer, near = seen(numbers, point)
            goal = moved(numbers, layer, point)
            there, near_there = seen(numbers, goal, 1.0)
            inside = (goal >= 0).all() and (goal <= np.array(SIZE[::-1]) - 1).all()
            border = np.abs([goal, goal - SIZE[::-1] + 1]).min()
            if min(near, near_there, border) < 5e-3:  # float32 and the undone waves may err
                continue
            np.testing.assert_allclose(numbers["out_flow"][y, x], goal - point, atol=2e-4)
            occluded = not inside or there != layer
            assert numbers["out_occluded"][y, x, 0] == 255 * occluded, (x, y)
            checked, hidden = checked + 1, hidden + occluded
    assert checked > 200 and hidden > 10, (checked, hidden)


@pytest.mark.parametrize("seed", range(2))
def test_frame_2_warped_by_the_flow_is_frame_1(seed):
    errors, backwards = [], []
    for numbers in some_scenes(FAST, seed, count=2):
        y, x = np.mgrid[: SIZE[0], : SIZE[1]]
        points = np.stack([x, y], -1).reshape(-1, 2).astype(np.float64)
        before = np.array([seen(numbers, p)[0] for p in points]).reshape(SIZE)
        after = np.array([seen(numbers, p, 1.0)[0] for p in points]).reshape(SIZE)
        for sign, found in ((1, errors), (-1, backwards)):
            goal = np.stack([x, y], -1) + sign * numbers["out_flow"]
            low = np.floor(goal).astype(int)
            part = (goal - low)[..., None]
            warped, alike = 0.0, numbers["out_occluded"][..., 0] == 0
            for right, down in ((0, 0), (1, 0), (0, 1), (1, 1)):
                column, row = low[..., 0] + right, low[..., 1] + down
                alike &= (column >= 0) & (row >= 0) & (column < SIZE[1]) & (row < SIZE[0])
                place = np.clip(row, 0, SIZE[0] - 1), np.clip(column, 0, SIZE[1] - 1)
                alike &= after[place] == before  # the pixels between which it is interpolated
                weight = np.abs(1 - right - part[..., 0, :]) * np.abs(1 - down - part[..., 1, :])
                warped = warped + weight * numbers["out_frame2"][place]
            found.append(np.abs(warped - numbers["out_frame1"])[alike])
    error = np.concatenate(errors)
    # Interpolating cosines of 60 pixels and more errs by 0.3, the textures' rounding by 1.
    assert len(error) > 300 and error.max() < 1.6, error.max()
    assert np.concatenate(backwards).mean() > 10 * error.mean()


# === The camera ===


def test_the_camera_changes_frames_and_nothing_else():
    plain, base = first_pairs(HARD), dataclasses.asdict(HARD)
    assert all((pair["valid"] == 255).all() for pair in plain)
    for changed, least in (
        ({"noise": 0.1}, 1.0),
        ({"brightness": 0.1}, 1.0),
        ({"contrast": 0.3}, 0.5),
        ({"fog_probability": 1.0}, 0.5),
        ({"motion_blur_probability": 1.0, "exposure": (1.0, 1.0), "blur_samples": 3}, 0.02),
    ):
        differences = []
        for old, new in zip(plain, first_pairs(SceneConfig(**(base | changed))), strict=True):
            np.testing.assert_allclose(old["flow"], new["flow"], atol=1e-5)
            np.testing.assert_array_equal(old["occluded"], new["occluded"])
            difference = new["frame1"].astype(float) - old["frame1"]
            differences.append(difference)
            if "noise" in changed:
                assert difference.std() < 0.11 * 255 and abs(difference.mean()) < 3
            if "brightness" in changed:  # one number a channel
                assert np.ptp(difference.reshape(-1, 3), axis=0).max() <= 1
        # Of all pairs: the fog of one may be thin everywhere.
        assert np.abs(differences).mean() > least, changed


def test_an_exposure_averages_the_motion():
    still = dataclasses.replace(
        HARD, translation=0, rotation=0, zoom=0, waves=0, motion_blur_probability=1.0
    )
    for pair, plain in zip(
        first_pairs(still),
        first_pairs(dataclasses.replace(still, motion_blur_probability=0.0)),
        strict=True,
    ):
        difference = pair["frame1"].astype(int) - plain["frame1"]
        assert np.abs(difference).max() <= 1 and (pair["flow"] == 0).all()
        assert not pair["occluded"].any()
    # Each moment is a frame of its own: the mean of those that NumPy's exposure names.
    config = dataclasses.replace(
        FAST, motion_blur_probability=1.0, exposure=(0.8, 0.8), fog_probability=0.0
    )
    photographs = [smooth()]
    atlas = render.make_atlas(photographs, 1.3)
    numbers = draw.draw_scenes(atlas, config, SIZE, tf.constant([1, 0], tf.int64))
    blurred = render.renderer(config, SIZE)(atlas, numbers)["frame1"].numpy()
    sharp = dataclasses.replace(config, motion_blur_probability=0.0)
    total = 0.0
    for offset in (-0.32, -0.16, 0.0, 0.16, 0.32):
        # Frame 2 of a scene whose motion is that share of it is the scene at that time.
        share = np.ones(numbers["motion"].shape[-1], np.float32)
        share[2:8] = offset
        for wave in range(config.waves):
            share[8 + 5 * wave + 3 : 8 + 5 * wave + 5] = offset
        moment = numbers | {"motion": numbers["motion"] * share}
        total = total + render.renderer(sharp, SIZE)(atlas, moment)["frame2"].numpy() / 5
    assert np.abs(blurred - total).mean() < 0.02
