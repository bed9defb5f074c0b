"""Augmented pairs against closed forms and NumPy: the flow changes with the frames, to the digit."""

from __future__ import annotations

import colorsys
import dataclasses

import numpy as np
import pytest
import tensorflow as tf
from hypothesis import given, settings
from hypothesis import strategies as st

from perceiver_keras.data.flow import augment as fa

HEIGHT, WIDTH = 30, 40
SIZE = (16, 20)
FULL = fa.FlowAugmentation(eraser_size=(3, 6))
AFFINE = np.array([[0.04, -0.03], [0.05, 0.02]])
MOVE = np.array([1.5, -0.75])


def points(height=HEIGHT, width=WIDTH):
    y, x = np.mgrid[:height, :width].astype(np.float64)
    return np.stack([x, y], axis=-1)


def seed_of(number):
    return tf.constant([number, 7], tf.int32)


def affine_flow(p):
    return p @ AFFINE.T + MOVE


def scene(p, time):
    """A smooth picture that is carried along by the affine flow: the colour at p at a time, [..., 3]."""
    if time:  # where p was: p = q + flow(q)
        p = (p - MOVE) @ np.linalg.inv(np.eye(2) + AFFINE).T
    x, y = p[..., 0] / 9, p[..., 1] / 7
    return 0.5 + 0.4 * np.stack([np.sin(x), np.cos(y), np.sin(x + y)], axis=-1)


@tf.function(input_signature=[tf.TensorSpec([]), tf.TensorSpec([2], tf.int32)])
def map_of(strength, seed):
    return fa.random_map(tf.constant([HEIGHT, WIDTH]), SIZE, FULL, strength, seed)


def pair():
    p = points()
    frames = np.stack([scene(p, 0), scene(p, 1)]).astype(np.float32)
    flow = affine_flow(p)
    truth = np.concatenate([flow, np.ones_like(p[..., :1]), np.zeros_like(p[..., :1])], -1)
    return tf.constant(frames), tf.constant(truth, tf.float32)


mapped = tf.function(lambda frames, truth, where: fa.apply_map(frames, truth, where, SIZE))


@settings(max_examples=40, deadline=None, derandomize=True)
@given(number=st.integers(0, 10_000), strength=st.floats(0, 1))
def test_an_affine_flow_is_transformed_exactly_and_goes_with_the_frames(number, strength):
    where = map_of(strength, seed_of(number))
    frames, truth = mapped(*pair(), where)
    scale, shift = where.scale.numpy().astype(np.float64), where.shift.numpy().astype(np.float64)
    source = points(*SIZE) * scale + shift
    known = ((source >= 0) & (source <= [WIDTH - 1, HEIGHT - 1])).all(-1)  # not beyond the border
    assert known.mean() > 0.8
    expected = affine_flow(source) / scale
    np.testing.assert_allclose(truth.numpy()[known][:, :2], expected[known], atol=2e-5)
    assert truth.numpy()[..., 2].all()
    # The frames are the same scene, seen through the map: bilinear, so to its curvature.
    for time in (0, 1):
        np.testing.assert_allclose(
            frames[time].numpy()[known], scene(source, time)[known], atol=0.006
        )
    ends = points(*SIZE) + expected
    leaves = ~((ends >= -0.5) & (ends <= np.array(SIZE[::-1]) - 0.5)).all(-1)
    assert (truth.numpy()[..., 3][known] == leaves[known]).mean() > 0.99


def test_scales_stretches_and_flips_follow_their_ranges():
    maps = [map_of(1.0, seed_of(i)) for i in range(300)]
    scales = np.array([m.scale for m in maps])
    octaves = -np.log2(np.abs(scales))
    assert octaves.min() > -0.45 and octaves.max() < 0.75  # rounded to whole pixels
    assert 0.12 < (np.abs(octaves) < 1e-6).all(1).mean() < 0.28  # not resized: 0.2
    flips = (scales < 0).mean(0)
    assert abs(flips[0] - 0.5) < 0.08 and abs(flips[1] - 0.1) < 0.05
    weak = np.array([map_of(0.0, seed_of(i)).scale for i in range(50)])
    np.testing.assert_allclose(np.abs(weak), 1)


def test_crops():
    where = fa.centre_crop(tf.constant([HEIGHT, WIDTH]), SIZE)
    frames, truth = pair()
    cropped, cut = fa.apply_map(frames, truth, where, SIZE)
    np.testing.assert_allclose(cropped, frames[:, 7:23, 10:30], atol=1e-6)
    np.testing.assert_allclose(cut[..., :3], truth[7:23, 10:30, :3], atol=1e-5)
    crop = tf.function(lambda seed: fa.random_crop(tf.constant([18, 20]), SIZE, seed).shift)
    places = np.array([crop(seed_of(i)) for i in range(60)])
    assert set(places[:, 1]) == {0, 1, 2} and set(places[:, 0]) == {0}
    with_margin = [map_of(0.0, seed_of(i)) for i in range(60)]
    at_border = [float(m.shift[1]) in (0.0, 14.0) for m in with_margin if m.scale[1] > 0]
    assert 0.5 < np.mean(at_border) < 0.95  # 40 of 55 places are beyond it


def test_smaller_frames_are_enlarged_and_their_motion_with_them():
    frames, truth = pair()
    small, true = frames[:, :8, :20], truth[:8, :20]
    cropped, cut = fa.apply_map(small, true, fa.centre_crop(tf.constant([8, 20]), SIZE), SIZE)
    assert cropped.shape == (2, *SIZE, 3)
    np.testing.assert_allclose(cropped[0], tf.image.resize(small[0], SIZE), atol=1e-6)
    np.testing.assert_allclose(
        cut[4, :, 0], (true[1, :, 0] * 0.25 + true[2, :, 0] * 0.75), atol=1e-5
    )
    np.testing.assert_allclose(
        cut[4, :, 1], 2 * (true[1, :, 1] * 0.25 + true[2, :, 1] * 0.75), atol=1e-5
    )


def test_unknown_flow_does_not_spread():
    frames, truth = pair()
    valid = np.random.default_rng(0).random((HEIGHT, WIDTH)) < 0.6
    flow = np.where(valid[..., None], MOVE, np.nan)
    sparse = tf.constant(
        np.concatenate([flow, valid[..., None], 0 * flow[..., :1]], -1), tf.float32
    )
    sparse = tf.where(tf.math.is_nan(sparse), 0.0, sparse)
    where = fa.Map(tf.constant([0.8, 0.8]), tf.constant([3.3, 2.2]))
    _, cut = fa.apply_map(frames, sparse, where, SIZE)
    known = cut[..., 2].numpy() > 0
    assert 0.4 < known.mean() < 0.8
    np.testing.assert_allclose(
        cut.numpy()[known][:, :2], np.tile(MOVE / 0.8, (known.sum(), 1)), rtol=1e-5
    )
    assert not cut.numpy()[~known][:, :2].any()


def test_reversed_flow_is_the_mean_of_all_that_end_there():
    rng = np.random.default_rng(1)
    flow = rng.uniform(-6, 6, (9, 12, 2)).astype(np.float32)
    valid = rng.random((9, 12)) < 0.8
    truth = np.concatenate([flow, valid[..., None], 0 * flow[..., :1]], -1).astype(np.float32)
    frames = rng.random((2, 9, 12, 3)).astype(np.float32)
    turned, back = fa.reverse(tf.constant(frames), tf.constant(truth))
    np.testing.assert_array_equal(turned, frames[::-1])
    ending = {}
    for y, x in zip(*np.nonzero(valid), strict=True):
        end = np.floor(np.array([x, y]) + flow[y, x] + 0.5).astype(int)
        ending.setdefault((end[1], end[0]), []).append(-flow[y, x])
    assert max(map(len, ending.values())) > 2
    for y, x in np.ndindex(9, 12):
        found = ending.get((y, x))
        assert back[y, x, 2] == (found is not None)
        np.testing.assert_allclose(
            back[y, x, :2], np.mean(found, axis=0) if found else [0, 0], atol=1e-5
        )


def test_a_shift_reversed_is_the_shift_back():
    frames, truth = pair()
    moved = tf.concat([tf.ones_like(truth[..., :2]) * [3.0, -2.0], truth[..., 2:]], -1)
    _, back = fa.reverse(frames, moved)
    inside = np.s_[: HEIGHT - 2, 3:]
    np.testing.assert_array_equal(back[..., 2].numpy()[inside], 1)
    assert back[..., 2].numpy().sum() == (HEIGHT - 2) * (WIDTH - 3)
    np.testing.assert_allclose(back.numpy()[inside][..., :2] - [-3, 2], 0, atol=1e-6)


def test_colours_against_colorsys_and_numpy():
    frames = np.random.default_rng(0).uniform(0.2, 0.6, (2, 4, 5, 3)).astype(np.float32)
    same = dataclasses.replace(FULL, apart=0.0)
    draws = tf.random.stateless_uniform([2, 4], seed_of(4), -1.0, 1.0, alg="philox").numpy()[0]
    bright, contrast, saturation = 1 + 0.4 * draws[:3]
    luma = np.array([0.299, 0.587, 0.114])
    expected = frames * bright
    middle = (expected @ luma).mean((1, 2))[:, None, None, None]
    expected = middle + (expected - middle) * contrast
    level = (expected @ luma)[..., None]
    expected = np.clip(level + (expected - level) * saturation, 0, 1)
    for place in np.ndindex(expected.shape[:-1]):
        hue, s, v = colorsys.rgb_to_hsv(*expected[place])
        expected[place] = colorsys.hsv_to_rgb((hue + FULL.hue * draws[3]) % 1, s, v)
    got = fa.random_colours(tf.constant(frames), same, 1.0, seed_of(4))
    np.testing.assert_allclose(got, expected, atol=2e-5)
    np.testing.assert_allclose(fa.random_colours(frames, same, 0.0, seed_of(4)), frames, atol=1e-5)
    grey = fa.random_colours(tf.constant(frames[..., :1]), same, 1.0, seed_of(4))
    assert grey.shape == (2, 4, 5, 1)


def test_frames_get_colours_apart_now_and_then():
    frames = np.repeat(np.random.default_rng(0).random((1, 4, 5, 3)).astype(np.float32), 2, axis=0)
    change = tf.function(lambda seed: fa.random_colours(tf.constant(frames), FULL, 1.0, seed))
    changed = [change(seed_of(i)).numpy() for i in range(120)]
    apart = np.mean([np.abs(a[0] - a[1]).max() > 1e-4 for a in changed])
    assert abs(apart - 0.2) < 0.1


def test_eraser_paints_boxes_of_the_second_frame_in_its_mean():
    frames = np.random.default_rng(0).random((2, *SIZE, 3)).astype(np.float32)
    mean, counts = frames[1].mean((0, 1)), []
    erase = tf.function(lambda seed: fa.random_eraser(tf.constant(frames), FULL, 1.0, seed))
    for i in range(80):
        erased = erase(seed_of(i)).numpy()
        np.testing.assert_array_equal(erased[0], frames[0])
        changed = (erased[1] != frames[1]).any(-1)
        np.testing.assert_allclose(erased[1][changed], np.tile(mean, (changed.sum(), 1)), atol=1e-6)
        counts.append(changed.sum())
    assert 0.35 < np.mean(np.array(counts) > 0) < 0.65
    assert max(counts) <= 2 * 6 * 6
    off = fa.random_eraser(tf.constant(frames), FULL, 0.0, seed_of(0))
    np.testing.assert_array_equal(off, frames)


@pytest.mark.parametrize("number", [0, 1])
def test_all_of_it_depends_on_the_seed_alone_also_in_a_graph(number):
    frames, truth = pair()
    one = fa.augment(frames, truth, SIZE, FULL, 0.7, seed_of(number))
    graph = tf.function(lambda f, t: fa.augment(f, t, SIZE, FULL, 0.7, seed_of(number)))
    two = graph(frames, truth)
    for a, b in zip(one, two, strict=True):
        np.testing.assert_allclose(a, b, atol=1e-5)
    other = fa.augment(frames, truth, SIZE, FULL, 0.7, seed_of(number + 50))
    assert np.abs(one[0] - other[0]).max() > 0.01
