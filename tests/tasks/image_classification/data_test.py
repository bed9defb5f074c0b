"""Stored pictures to inputs: scaled, augmented in training only, and checked."""

from __future__ import annotations

import numpy as np
import pytest
import tensorflow as tf

from perceiver_keras.errors import UsageError
from perceiver_keras.tasks.image_classification import data
from perceiver_keras.tasks.image_classification.presets import PRESETS, TINY
from tests.tasks.image_classification.pictures import png


def test_input_is_the_picture_scaled_to_plus_minus_one():
    pixels = np.arange(64, dtype=np.uint8).reshape(8, 8) * 4
    got = data.to_input(tf.constant(png(pixels)), TINY)
    np.testing.assert_allclose(got[..., 0], pixels / 127.5 - 1, atol=1e-6)


def test_augmentation_moves_the_picture_a_little_and_only_in_training():
    pixels = np.zeros((8, 8), np.uint8)
    pixels[3:5, 3:5] = 255
    encoded, grid = tf.constant(png(pixels)), np.indices((8, 8))
    centres = []
    for seed in range(40):
        got = data.to_input(encoded, TINY, True, tf.constant([seed, 0]))[..., 0].numpy() + 1
        centres.append((grid * got).sum((1, 2)) / got.sum())
        still = data.to_input(encoded, TINY, False, tf.constant([seed, 0]))[..., 0].numpy() + 1
        np.testing.assert_allclose((grid * still).sum((1, 2)) / still.sum(), 3.5, atol=1e-5)
    moved = np.abs(np.array(centres) - 3.5)
    assert moved.max() <= TINY.data.shift + 0.1
    assert moved.mean(0).min() > 0.2


@pytest.mark.parametrize("training", [True, False])
def test_imagenet_s_channels_have_their_own_mean_and_deviation(training):
    """Whatever is cut out of a picture of one colour, each channel is that colour, normalised."""
    config = PRESETS["imagenet_fourier_position_encoding"].config
    colour = np.array([200, 100, 30], np.uint8)
    features = {
        "image": tf.constant(png(np.tile(colour, (300, 260, 1)))),
        "label": tf.constant(7, tf.int64),
    }
    picture, label = data.prepare(features, config, training, tf.constant([3, 4]))
    expected = (colour / 255 - [0.485, 0.456, 0.406]) / [0.229, 0.224, 0.225]
    assert picture.shape == (224, 224, 3) and label == 7
    np.testing.assert_allclose(picture, np.tile(expected, (224, 224, 1)), atol=1e-4)


def test_check_names_what_is_wrong():
    good = {"image": [png(np.zeros((8, 8), np.uint8))], "label": [3]}
    assert data.check(good, TINY) is None
    assert "label 10 is not in 0 to 9" in data.check({**good, "label": [10]}, TINY)
    assert "label -1 is not in" in data.check({**good, "label": [-1]}, TINY)
    assert data.check({**good, "image": [good["image"][0][:40]]}, TINY)
    assert data.check({**good, "image": [b"no picture"]}, TINY)


def test_another_number_of_classes_says_which_key_to_set():
    with pytest.raises(UsageError, match="--set model.num_classes=3"):
        data.EXAMPLES.check_dataset(["a", "b", "c"], TINY)
