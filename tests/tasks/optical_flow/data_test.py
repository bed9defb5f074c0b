"""Stored pairs to frames and truth: middle crops, the curriculum, and what a pair must hold."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
import tensorflow as tf

from perceiver_keras.config_tree import override
from perceiver_keras.data.flow.augment import FlowAugmentation
from perceiver_keras.data.store.batches import EPOCH, SEEN
from perceiver_keras.errors import UsageError
from perceiver_keras.tasks.optical_flow import data
from perceiver_keras.tasks.optical_flow.presets import TINY as CONFIG

HEIGHT, WIDTH = 20, 30
RNG = np.random.default_rng(0)


def png(array):
    return tf.io.encode_png(tf.constant(array, tf.uint8)).numpy()


def stored(height=HEIGHT, width=WIDTH, **changes):
    """One pair as its features: Python values in lists, as `check` has them."""
    flow = RNG.uniform(-2, 2, (height, width, 2)).astype("<f4")
    frames = RNG.integers(0, 256, (2, height, width, 3))
    masks = 255 * (RNG.random((2, height, width, 1)) < [[[[0.9]]], [[[0.1]]]])
    features = {
        "frame1": png(frames[0]),
        "frame2": png(frames[1]),
        "flow": flow.tobytes(),
        "valid": png(masks[0]),
        "occluded": png(masks[1]),
    }
    return (
        {name: [value] for name, value in (features | changes).items()},
        frames,
        flow,
        masks / 255,
    )


def tensors(features):
    return {name: tf.constant(value[0]) for name, value in features.items()}


def test_input_is_the_middle_scaled_to_plus_minus_one_with_its_truth():
    features, frames, flow, masks = stored()
    inputs, truth = data.prepare(tensors(features), CONFIG, False, tf.constant([0, 0]))
    middle = np.s_[..., 2:18, 3:27, :]
    np.testing.assert_allclose(inputs, (frames / 127.5 - 1)[middle], atol=1e-5)
    valid, occluded = masks[0][middle], masks[1][middle]
    np.testing.assert_allclose(truth[..., :2], flow[middle] * valid, atol=1e-5)
    np.testing.assert_array_equal(truth[..., 2:3], valid)
    inside = np.s_[3:-3, 3:-3]  # nearer the border motion leaves the frame
    np.testing.assert_array_equal(truth[..., 3:4].numpy()[inside], occluded[inside])


def test_a_pair_without_flow_has_inputs_alone():
    features, *_ = stored()
    features = {name: features[name] for name in ("frame1", "frame2")}
    inputs, truth = data.prepare(tensors(features), CONFIG, False, tf.constant([0, 0]))
    assert inputs.shape == (2, 16, 24, 3) and truth is None
    spec = {k: v for k, v in data.spec(CONFIG).items() if k != "flow"}
    example = tf.train.Example(
        features=tf.train.Features(
            feature={
                name: tf.train.Feature(bytes_list=tf.train.BytesList(value=value))
                for name, value in features.items()
            }
        )
    )
    parsed = tf.io.parse_single_example(example.SerializeToString(), spec)
    np.testing.assert_array_equal(
        data.prepare(parsed, CONFIG, False, tf.constant([0, 0]))[0], inputs
    )


def run_of(**changes):
    """A run of 100 examples."""
    return dataclasses.replace(
        CONFIG,
        data=dataclasses.replace(CONFIG.data, batch_size=10, **changes),
        train=dataclasses.replace(CONFIG.train, steps=10),
    )


def in_training(config, features):
    """(examples seen, seed) -> prepared, traced once; the seed counts the epochs too."""
    features = tensors(features)

    @tf.function(input_signature=[tf.TensorSpec([], tf.int64), tf.TensorSpec([], tf.int32)])
    def at(seen, seed):
        return data.prepare(
            features | {SEEN: seen, EPOCH: tf.cast(seed, tf.int64)},
            config,
            True,
            tf.stack([seed, 1]),
        )

    return at


def test_curriculum_augmentation_grows_and_ends_with_pairs_both_ways():
    """A grey ramp that moves two pixels to the right; only augmentation changes its colours."""
    ramp = np.broadcast_to(8 * np.arange(WIDTH)[None, :, None], (HEIGHT, WIDTH, 3))
    flow = np.zeros((HEIGHT, WIDTH, 2), "<f4") + np.float32([2, 0])
    full = png(np.full((HEIGHT, WIDTH, 1), 255))
    features, *_ = stored(
        frame1=png(ramp), frame2=png(ramp - 16 * (ramp >= 16)), flow=flow.tobytes(), valid=full
    )
    augmentation = FlowAugmentation(
        eraser=0.0, resize=0.0, flip_horizontal=0.0, flip_vertical=0.0, crop_margin=0
    )
    at = in_training(run_of(augmentation=augmentation, growing=0.5, plain=0.2), features)

    def spread(seen):
        """How far the ramp's slope (8 of 255 a pixel) is from its own."""
        slopes = [np.diff(at(seen, s)[0][0, 8, :, 0]) * 127.5 for s in range(24)]
        return np.mean([abs(np.median(slope) - 8) for slope in slopes])

    assert spread(0) < 0.01
    assert spread(0) < spread(25) < spread(50)
    assert abs(spread(79) - spread(50)) < 1e-6  # full strength from the middle on
    assert spread(80) < 0.01
    moves = [at(90, s)[1][8, 12, :2].numpy() for s in range(24)]
    forward = [np.allclose(move, [2, 0]) for move in moves]
    assert forward in ([True, False] * 12, [False, True] * 12)  # the pair, time after time
    assert all(np.allclose(m, [-2, 0]) for m, f in zip(moves, forward, strict=True) if not f)
    assert all(np.allclose(at(79, s)[1][8, 12, :2], [2, 0]) for s in range(12))


def test_check_names_what_is_wrong():
    good, *_ = stored()
    assert data.check(good, CONFIG) is None
    small = png(np.zeros((HEIGHT, WIDTH - 1, 3)))
    nan = np.full((HEIGHT, WIDTH, 2), np.nan, "<f4").tobytes()
    for change, words in (
        ({"frame2": [small]}, "'frame2' has 20x29 pixels, but frame1 20x30"),
        ({"frame1": [b"GIF?"]}, "'frame1': not a PNG"),
        ({"flow": [b"\0" * 8]}, "'flow' has 8 bytes; 20x30 pixels of two float32 are 4800"),
        ({"flow": [nan]}, "not finite"),
        ({"valid": []}, "'valid' is missing"),
    ):
        assert words in data.check(good | change, CONFIG)
    with pytest.raises(UsageError, match="has classes"):
        data.check_dataset(["cat"], CONFIG)
    with pytest.raises(UsageError, match="model.channels is 4"):
        data.check_dataset(None, override(CONFIG, "model.channels=4"))
