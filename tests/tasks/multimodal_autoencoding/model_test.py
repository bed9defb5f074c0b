"""The model of clips: outputs at some points, and videos through it for people."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
import tensorflow as tf

from perceiver_keras.data.builders.perceiver_clips import perceiver_clips_dataset_builder as builder
from perceiver_keras.data.video.clips import to_mp4
from perceiver_keras.errors import PerceiverError
from perceiver_keras.tasks.multimodal_autoencoding import data, metrics
from perceiver_keras.tasks.multimodal_autoencoding.model import MultimodalAutoencoder
from perceiver_keras.tasks.multimodal_autoencoding.presets import TINY
from tests.tasks.multimodal_autoencoding.example import features

SEED = tf.constant([3, 4])


@pytest.fixture(scope="module")
def model():
    return MultimodalAutoencoder.from_preset("tiny")


def test_points_of_each_example_give_the_whole_s_numbers(model):
    batch = [data.prepare(features(), TINY, True, SEED + i) for i in range(3)]
    inputs, targets = tf.nest.map_structure(lambda *parts: tf.stack(parts), *batch)
    some = model(inputs, training=False)
    whole = model({k: v for k, v in inputs.items() if k != "points"}, training=False)
    pixels = tf.reshape(whole["image"], [3, -1, 3])
    expected = tf.gather(pixels, inputs["points"]["image"], batch_dims=1)
    np.testing.assert_allclose(some["image"], expected, atol=1e-5)
    expected = tf.gather(
        tf.reshape(whole["audio"], [3, -1, 16]), inputs["points"]["audio"], batch_dims=1
    )
    np.testing.assert_allclose(tf.reshape(some["audio"], expected.shape), expected, atol=1e-5)
    assert np.isfinite(metrics.loss(TINY)(targets, some))


def test_chunks_give_the_same_outputs_whole_or_at_points(model):
    """Points that are the same for all examples, or each example's own; eagerly, and in a graph for any number."""
    config = dataclasses.replace(model.config, attention_memory_mb=1)
    chunked = MultimodalAutoencoder(config)
    inputs, _ = tf.nest.map_structure(
        lambda *parts: tf.stack(parts),
        *[data.prepare(features(), TINY, False, SEED + i) for i in range(2)],
    )
    inputs = {name: inputs[name] for name in ("image", "audio", "label")}
    chunked(inputs)
    chunked.set_weights(model.get_weights())
    queries = chunked.query.compute_output_shape((2, 1, 1))
    assert chunked.decode.chunk(tf.TensorShape([2, 700, queries[-1]]), 32) < 700

    rng = np.random.default_rng(0)
    shared, own = rng.integers(0, 1024, 700), rng.integers(0, 1024, (2, 700))
    for points in (None, {"image": shared, "audio": [3, 1]}, {"image": own}):
        expected = model(inputs, points=points, training=False)
        found = chunked(inputs, points=points, training=False)
        for name, one in expected.items():
            assert found[name].shape == one.shape
            np.testing.assert_allclose(found[name], one, atol=1e-5, err_msg=name)
    run = tf.function(
        lambda inputs, points: chunked(inputs, points={"image": points}, training=False)["image"],
        input_signature=[
            tf.nest.map_structure(tf.TensorSpec.from_tensor, inputs),
            tf.TensorSpec([None, None], tf.int64),
        ],
    )
    np.testing.assert_allclose(run(inputs, own), expected["image"], atol=1e-5)


def test_a_video_s_reconstruction_is_as_long_as_the_video(model, tmp_path):
    video = tmp_path / "clip.mp4"
    pixels, _ = builder.render(np.random.default_rng(0), 0, 5)
    video.write_bytes(to_mp4(pixels / 255, np.zeros(5 * 1920), 48_000))
    (answer,) = model.autoencode([video], top=2)
    assert answer["video"].shape == (5, 16, 16, 3) and answer["audio"].shape == (5 * 320,)
    assert [set(label) for label in answer["labels"]] == [{"label", "score"}] * 2
    (same,) = model.autoencode([video.read_bytes()], top=2)
    np.testing.assert_array_equal(same["video"], answer["video"])
    with pytest.raises(PerceiverError, match="does not exist"):
        model.autoencode([tmp_path / "nothing.mp4"])
    np.testing.assert_array_equal(model.autoencode(str(video))["video"], answer["video"])


def test_pixels_are_a_clip_without_sound(model):
    pixels, _ = builder.render(np.random.default_rng(0), 0, 4)
    answer = model.autoencode(pixels)
    (same,) = model.autoencode([pixels / 255])
    np.testing.assert_array_equal(answer["video"], same["video"])
    assert answer["video"].shape == (4, 16, 16, 3) and model.autoencode([]) == []
    for wrong, words in ((None, "got None"), ([3], "got 3"), (pixels[0], "got an array of shape")):
        with pytest.raises(PerceiverError, match=words):
            model.autoencode(wrong)
