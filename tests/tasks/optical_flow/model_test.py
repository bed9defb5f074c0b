"""Flow of frames of any size by a tiny model with random weights, tile by tile."""

from __future__ import annotations

import dataclasses
import io

import numpy as np
import pytest
import tensorflow as tf
from PIL import Image

import perceiver_keras as pk
from perceiver_keras.errors import UsageError
from perceiver_keras.postprocess import tiles
from perceiver_keras.tasks.optical_flow.model import grid_of
from perceiver_keras.tasks.optical_flow.presets import PRESETS
from tests.tasks.optical_flow.small_model import RNG, SIZES, TILE, pixels, png, small_model


@pytest.fixture(scope="module")
def model():
    return small_model()


def restated(model, frame1, frame2, tiling):
    """Each tile alone through the model, added up by hand; small frames enlarged first, by hand too."""
    size = frame1.shape[:2]
    height, width = np.maximum(size, TILE)
    frames = [f.astype(np.float32) / 255 * 2 - 1 for f in (frame1, frame2)]
    frames = np.stack([resized(f, (height, width)) for f in frames]).astype(np.float32)
    sums, total = np.zeros((height, width, 2)), np.zeros((height, width, 1))
    y, x = np.mgrid[: TILE[0], : TILE[1]]
    weight = np.minimum(np.minimum(y, TILE[0] - 1 - y), np.minimum(x, TILE[1] - 1 - x)) + 1.0
    for top in tiles.starts(height, TILE[0], tiling).numpy():
        for left in tiles.starts(width, TILE[1], tiling).numpy():
            part = frames[None, :, top : top + TILE[0], left : left + TILE[1]]
            flow = model(part, training=False)[0].numpy()
            sums[top : top + TILE[0], left : left + TILE[1]] += weight[..., None] * flow
            total[top : top + TILE[0], left : left + TILE[1]] += weight[..., None]
    return resized(sums / total, size) * [size[1] / width, size[0] / height]


def resized(picture, size):
    """Each new pixel is a mean of the old ones under a triangle, at least one old pixel to either side."""
    for axis, new in enumerate(size):
        old = picture.shape[axis]
        step = old / new
        centre = (np.arange(new) + 0.5) * step - 0.5
        weight = 1 - np.abs(np.arange(old) - centre[:, None]) / max(step, 1)
        weight = np.maximum(weight, 0)
        weight /= weight.sum(1, keepdims=True)
        picture = np.moveaxis(np.tensordot(weight, picture, (1, axis)), 0, axis)
    return picture


@pytest.mark.parametrize("tiling", tiles.TILINGS)
def test_each_size_is_its_tiles_stitched(model, tiling):
    for size in SIZES if tiling == "minimal" else SIZES[1:2]:
        frame1, frame2 = pixels(*size), pixels(*size)
        flow = model.predict_flow(frame1, frame2, tiling=tiling)
        assert flow.dtype == np.float32 and flow.shape == (*size, 2)
        assert np.abs(flow).max() > 0.01
        expected = restated(model, frame1, frame2, tiling)
        np.testing.assert_allclose(flow, expected, rtol=1e-4, atol=1e-4 * np.abs(expected).max())


def test_a_memory_budget_sets_how_many_tiles_go_together(model):
    # 4 bytes x 1 head x 6 latents x 192 pixels per tile
    assert model.tiles_at_once() == 256 * 2**20 // (4 * 6 * 192)
    assert pk.OpticalFlow(PRESETS["optical_flow"].config.model).tiles_at_once() == 1


def test_the_grid_is_what_the_stem_leaves_of_the_frames():
    """(by how much each side shrinks, how many frames' elements): 3x3 patches of joined frames by default."""
    expected = {
        "tiny": (2, 1),
        "optical_flow": (1, 1),
        "optical_flow_apart": (1, 2),
        "optical_flow_conv": (4, 1),
        "optical_flow_conv_apart": (4, 2),
    }
    found = {name: grid_of(PRESETS[name].config.model) for name in expected}
    assert found == expected
    config = PRESETS["optical_flow_conv"].config.model
    two = dataclasses.replace(config, stem=dataclasses.replace(config.stem, num_layers=2))
    assert grid_of(two) == (16, 1)


def test_frames_of_every_kind_are_the_same_frame(model, tmp_path):
    grey = RNG.integers(0, 256, (12, 16, 1), dtype=np.uint8)
    colour = np.repeat(grey, 3, axis=-1)
    path = tmp_path / "frame.png"
    path.write_bytes(png(colour))
    alpha = np.concatenate([colour, RNG.integers(0, 256, (12, 16, 1), dtype=np.uint8)], axis=-1)
    second = pixels(12, 16)
    expected = model.predict_flow(colour, second)
    kinds = [
        *(grey, grey[..., 0], alpha, colour / 255.0, colour.astype(np.uint16) * 257),
        *(png(colour), png(grey), png(alpha), path, str(path), tf.constant(colour)),
        *(png(colour.astype(np.uint16) * 257), Image.fromarray(colour), io.BytesIO(png(colour))),
    ]
    flows = model.predict_flow(kinds, [second] * len(kinds))
    assert isinstance(flows, list) and len(flows) == len(kinds)
    for flow in flows:
        np.testing.assert_allclose(flow, expected, rtol=1e-4, atol=1e-4)


def test_frames_that_are_not_a_pair_are_named(model):
    with pytest.raises(UsageError, match="frame1 has 12x16 pixels and frame2 12x17"):
        model.predict_flow(pixels(12, 16), pixels(12, 17))
    with pytest.raises(UsageError, match=r"frame2: expected pixels \[H, W, 3\]"):
        model.predict_flow(pixels(12, 16), np.zeros((4, 5, 7)))
    with pytest.raises(UsageError, match="two lists with one entry per pair"):
        model.predict_flow([pixels(12, 16)], pixels(12, 16))
    with pytest.raises(UsageError, match="two lists with one entry per pair"):
        model.predict_flow([pixels(12, 16)], [])
    with pytest.raises(UsageError, match=r"two lists .* got 3 \(int\) and None"):
        model.predict_flow(3, None)
    with pytest.raises(UsageError, match="no tiling 'notebok'. Did you mean 'notebook'"):
        model.predict_flow(pixels(12, 16), pixels(12, 16), tiling="notebok")
