"""The model of clips: outputs at some points, and videos through it for people."""

from __future__ import annotations

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
