"""Tiles against restatements in plain Python and NumPy, and stitching against known flows."""

from __future__ import annotations

import math
from fractions import Fraction

import numpy as np
import pytest
import tensorflow as tf
from hypothesis import given, settings
from hypothesis import strategies as st

from perceiver_keras.postprocess import tiles

TILE = (368, 496)  # the released model's
SINTEL, KITTI, FULL_HD = (436, 1024), (375, 1242), (1080, 1920)


# === Restatements ===


def notebook_starts(length, tile, overlap):
    """As the released notebook: a range, then the last one flush with the border.

    There, a tile that crosses the border is cut short, and the model refuses it; here it is moved back.
    """
    places = list(range(0, length, tile - overlap))
    places[-1] = length - tile
    return [min(place, length - tile) for place in places]


def even_starts(length, tile, number):
    """`number` tiles from border to border; halves are rounded up."""
    if number == 1:
        return [0]
    return [
        math.floor(Fraction(i * (length - tile), number - 1) + Fraction(1, 2))
        for i in range(number)
    ]


def fewest(length, tile, overlap):
    """The smallest number of tiles that covers `length` with that overlap, by trying."""
    number = 1
    while number * tile - (number - 1) * overlap < length:
        number += 1
    return number


def restated(length, tile, tiling):
    overlap = min(20, tile // 4)
    if tiling == "notebook":
        return notebook_starts(length, tile, overlap)
    if tiling == "paper":
        return even_starts(length, tile, len(notebook_starts(length, tile, overlap)))
    return even_starts(length, tile, fewest(length, tile, overlap))


def stitched(flows, places, size):
    """The weighted mean, pixel by pixel."""
    height, width = flows.shape[1:3]
    total, sums = np.zeros((*size, 1)), np.zeros((*size, 2))
    for flow, (top, left) in zip(flows, places, strict=True):
        for y in range(height):
            for x in range(width):
                weight = min(y, height - 1 - y, x, width - 1 - x) + 1
                sums[top + y, left + x] += weight * flow[y, x].astype(np.float64)
                total[top + y, left + x] += weight
    return sums / total


# === Where tiles lie ===


@pytest.mark.parametrize("tiling", tiles.TILINGS)
@settings(max_examples=30, deadline=None)
@given(tile=st.integers(1, 500), more=st.integers(0, 1500))
def test_starts_are_the_restated_rule_s(tiling, tile, more):
    found = tiles.starts(tile + more, tile, tiling).numpy().tolist()
    assert found == restated(tile + more, tile, tiling)
    assert min(found) == 0 and max(found) == more  # none beyond the border


@settings(max_examples=40, deadline=None)
@given(tile=st.integers(1, 500), more=st.integers(0, 1500))
def test_minimal_never_predicts_a_tile_twice_and_has_no_hole(tile, more):
    places = tiles.starts(tile + more, tile).numpy()
    assert places[0] == 0 and places[-1] == more
    gaps = np.diff(places)
    assert (gaps > 0).all()
    # Rounding may move two neighbours one pixel apart, but leaves no gap.
    assert (gaps <= tile - min(20, tile // 4) + (more > 0)).all() and (gaps <= tile).all()


def test_columns_of_the_benchmarks():
    """The first rows and columns that docs/architecture.md (Evaluation) lists for both rules."""
    assert tiles.starts(436, 368, "notebook").numpy().tolist() == [0, 68]
    assert tiles.starts(375, 368, "notebook").numpy().tolist() == [0, 7]
    assert tiles.starts(1024, 496, "notebook").numpy().tolist() == [0, 476, 528]
    assert tiles.starts(1024, 496, "paper").numpy().tolist() == [0, 264, 528]
    assert tiles.starts(1242, 496, "notebook").numpy().tolist() == [0, 476, 746]
    assert tiles.starts(1242, 496, "paper").numpy().tolist() == [0, 373, 746]
    for size in (SINTEL, KITTI):
        paper = tiles.corners(*size, TILE, "paper").numpy()
        assert len(paper) == 6
        np.testing.assert_array_equal(tiles.corners(*size, TILE, "minimal"), paper)


def test_number_of_tiles():
    count = {t: len(tiles.corners(*FULL_HD, TILE, t)) for t in tiles.TILINGS}
    assert count == {"minimal": 16, "notebook": 20, "paper": 20}
    once = {t: tiles.corners(*TILE, TILE, t).numpy().tolist() for t in tiles.TILINGS}
    assert once["minimal"] == [[0, 0]]
    assert once["notebook"] == [[0, 0]] * 4  # deepmind-research issue 265


def test_corners_go_row_by_row():
    found = tiles.corners(60, 100, (40, 60), "minimal").numpy().tolist()
    assert found == [[y, x] for y in (0, 20) for x in (0, 40)]


def test_weights_are_the_distance_to_the_nearest_edge():
    expected = [
        [min(y, 5 - y, x, 8 - x) + 1 for x in range(9)] for y in range(6)
    ]  # rows 0 to 5, columns 0 to 8
    np.testing.assert_array_equal(tiles.weights((6, 9)), expected)


# === Stitching ===


@pytest.mark.parametrize("tiling", tiles.TILINGS)
def test_stitching_is_the_restated_weighted_mean(tiling):
    size, tile = (29, 41), (12, 16)
    places = tiles.corners(*size, tile, tiling)
    flows = np.random.default_rng(1).normal(size=(2, len(places), *tile, 2)).astype(np.float32)
    found = tiles.stitch(tf.constant(flows), places, tf.constant(size)).numpy()
    for pair in range(2):
        expected = stitched(flows[pair], places.numpy(), size)
        np.testing.assert_allclose(found[pair], expected, rtol=1e-6, atol=1e-7)


def seen(frames):
    """A model that reads the flow from the first frame's first two channels."""
    return frames[:, 0, :, :, :2]


def pictures(flow):
    """Frames [B, 2, H, W, 3] in which `seen` finds `flow` [B, H, W, 2]."""
    first = np.concatenate([flow, np.zeros_like(flow[..., :1])], axis=-1)
    return tf.constant(np.stack([first, np.zeros_like(first)], axis=1))


@pytest.mark.parametrize("tiling", tiles.TILINGS)
@settings(max_examples=10, deadline=None)
@given(
    more=st.tuples(st.integers(0, 50), st.integers(0, 50)),
    tile=st.tuples(st.integers(2, 30), st.integers(2, 30)),
    at_once=st.integers(1, 5),
    matrix=st.lists(st.integers(-100, 100), min_size=6, max_size=6),
)
def test_a_linear_flow_comes_out_to_the_bit(tiling, more, tile, at_once, matrix):
    """All tiles agree wherever they overlap, whatever the size."""
    y, x = np.mgrid[: tile[0] + more[0], : tile[1] + more[1]].astype(np.float32)
    a, b, c, d, e, f = np.float32(matrix) / 16
    flow = np.stack([a * x + b * y + c, d * x + e * y + f], axis=-1)[None]
    found = tiles.predict_tiled(seen, pictures(flow), tile, tiling, at_once)
    np.testing.assert_array_equal(found, flow)


@pytest.mark.parametrize("size", [(6, 40), (30, 4), (3, 5), (1, 1)])
def test_a_small_picture_s_flow_has_the_right_scale(size):
    """A model that sees the motion of the enlarged frames: a constant one, and one linear along x."""
    tile = (12, 16)
    ratio = [max(1, tile[1] / size[1]), max(1, tile[0] / size[0])]  # of x, of y
    flow = np.broadcast_to(np.float32([3, -2]), (1, *size, 2))
    found = tiles.predict_tiled(lambda f: seen(f) * ratio, pictures(flow), tile)
    np.testing.assert_allclose(found, flow, rtol=1e-5)
    ramp = np.stack(np.broadcast_arrays(np.arange(size[1], dtype=np.float32), 0.0), -1)
    ramp = np.broadcast_to(ramp, (1, *size, 2))
    found = tiles.predict_tiled(lambda f: seen(f) * ratio, pictures(ramp), tile).numpy()
    # Enlarging and shrinking blurs the border.
    np.testing.assert_allclose(found[:, :, 1:-1], ramp[:, :, 1:-1], atol=0.02)


def test_one_traced_function_takes_every_size_and_any_batch():
    traces, called = [], []

    @tf.function(input_signature=[tf.TensorSpec([None, 2, None, None, 3], tf.float32)])
    def predict(frames):
        traces.append(1)
        return tiles.predict_tiled(model, frames, (12, 16), at_once=4)

    def model(tile):
        tf.py_function(lambda n: called.append(int(n)), [tf.shape(tile)[0]], [])
        assert tile.shape[1:] == (2, 12, 16, 3)
        return seen(tile)

    rng = np.random.default_rng(2)
    for batch, height, width in ((1, 12, 16), (2, 30, 40), (3, 12, 50), (1, 1, 1)):
        flow = rng.normal(size=(batch, height, width, 2)).astype(np.float32)
        found = predict(pictures(flow))
        assert found.shape == flow.shape
        if height >= 12:
            np.testing.assert_array_equal(found, flow)
    assert len(traces) == 1
    # 1 tile; 2 pairs of 3x3 tiles in fours; 3 pairs of 1x4; 1
    assert called == [1, 4, 4, 4, 4, 2, 4, 4, 4, 1]
