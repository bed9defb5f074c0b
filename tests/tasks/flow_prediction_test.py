"""Flow of any size by a tiny model with random weights: Python and served graph, tile by tile."""

from __future__ import annotations

import numpy as np
import pytest
import tensorflow as tf
from tensorflow import keras

import perceiver_keras as pk
from perceiver_keras.errors import UsageError
from perceiver_keras.postprocess import tiles
from perceiver_keras.tasks.optical_flow import PRESETS
from perceiver_keras.tasks.optical_flow import predict as prediction

TILE = (12, 16)
RNG = np.random.default_rng(5)
SIZES = [(12, 16), (21, 30), (5, 40), (3, 2)]  # a tile, several, smaller on one side, on both


@pytest.fixture(scope="module")
def model():
    keras.utils.set_random_seed(0)
    made = pk.OpticalFlow.from_preset(
        "optical_flow",
        image_size=TILE,
        position__num_bands=4,
        position__max_resolution=TILE,
        encode__num_latents=6,
        encode__latent_dim=32,
        process__num_self_attention_layers=1,
        process__num_self_attention_heads=2,
    )
    for variable in made.trainable_variables:  # the official head begins at zero
        variable.assign_add(tf.random.normal(variable.shape, stddev=0.1))
    return made


def pixels(height, width):
    return RNG.integers(0, 256, (height, width, 3), dtype=np.uint8)


def png(array):
    return tf.io.encode_png(array).numpy()


def restated(model, frame1, frame2, tiling):
    """Each tile alone through the model, added up by hand; small frames enlarged before, by hand too."""
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


def test_the_served_graph_is_predict_flow_for_every_size_in_one_trace(model):
    traces = []
    spec = prediction.serving_spec(model.task_config)

    @tf.function
    def serving(frame1_bytes, frame2_bytes):
        traces.append(1)
        raw = {"frame1_bytes": frame1_bytes, "frame2_bytes": frame2_bytes}
        return prediction.serve(model, raw, model.task_config, None)

    served = serving.get_concrete_function(**spec)
    assert served.structured_outputs["flow"].shape.as_list() == [None, None, None, 2]
    for size in SIZES:
        first, second = [pixels(*size) for _ in range(2)], [pixels(*size) for _ in range(2)]
        flow = served(
            frame1_bytes=tf.constant([png(f) for f in first]),
            frame2_bytes=tf.constant([png(f) for f in second]),
        )["flow"]
        own = model.predict_flow(first, second)
        np.testing.assert_allclose(flow, own, rtol=1e-4, atol=1e-5 * np.abs(own).max())
    assert len(traces) == 1
    with pytest.raises(
        tf.errors.InvalidArgumentError, match=r"of one size.*\[12 16 3\].*\[5 40 3\]"
    ):
        served(
            frame1_bytes=tf.constant([png(pixels(12, 16))]),
            frame2_bytes=tf.constant([png(pixels(5, 40))]),
        )


def test_a_memory_budget_sets_how_many_tiles_go_together(model):
    # 4 bytes x 1 head x 6 latents x 192 pixels a tile
    assert prediction.tiles_at_once(model) == 256 * 2**20 // (4 * 6 * 192)
    assert prediction.tiles_at_once(pk.OpticalFlow(PRESETS["optical_flow"].config.model)) == 1


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
        png(colour.astype(np.uint16) * 257),
    ]
    flows = model.predict_flow(kinds, [second] * len(kinds))
    assert isinstance(flows, list)
    for flow in flows:
        np.testing.assert_allclose(flow, expected, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize(
    ("frame", "words"),
    [
        (np.zeros((4, 5, 7)), r"\[H, W, 3\], got the shape \[4, 5, 7\]"),
        (np.zeros((0, 5, 3)), "shape"),
        (np.full((4, 5, 3), 200.0), "0 to 1, got 200 to 200"),
        (np.full((4, 5, 3), np.nan), "from 0 to 1, got nan"),
        (np.zeros((4, 5, 3), np.int64), "got int64"),
        (b"no picture", "not a PNG, JPEG"),
        (png(np.zeros((9, 9, 3), np.uint8))[:-20], "truncated PNG"),
        ("nowhere.png", "No such file"),
    ],
)
def test_what_is_no_frame_is_said(model, frame, words):
    with pytest.raises(UsageError, match=words):
        model.predict_flow(frame, frame)


def test_frames_that_are_no_pair_are_said(model):
    with pytest.raises(UsageError, match="frame1 has 12x16 pixels and frame2 12x17"):
        model.predict_flow(pixels(12, 16), pixels(12, 17))
    with pytest.raises(UsageError, match="two lists with one entry a pair"):
        model.predict_flow([pixels(12, 16)], pixels(12, 16))
    with pytest.raises(UsageError, match="two lists with one entry a pair"):
        model.predict_flow([pixels(12, 16)], [])
    with pytest.raises(UsageError, match="no tiling 'notebok'. Did you mean 'notebook'"):
        model.predict_flow(pixels(12, 16), pixels(12, 16), tiling="notebok")


def test_answers_say_size_and_motion():
    flow = np.zeros((1, 2, 4, 2), np.float32)
    flow[0, 0, 0] = [3, 4]
    assert prediction.answer({"flow": flow}, None, 5) == [
        {"height": 2, "width": 4, "mean_motion": 0.625, "largest_motion": 5.0}
    ]


def test_pictures_have_a_row_a_pair():
    frames = png(pixels(8, 10)), png(pixels(8, 10))
    figure = prediction.picture([frames] * 2, [{"flow": np.ones((8, 10, 2))}] * 2, None)
    assert len(figure.axes) == 2 * 3 + 1
