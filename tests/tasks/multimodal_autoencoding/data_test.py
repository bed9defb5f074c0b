"""Stored clips to examples: the points that training asks for, the hidden label, and what is refused."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
import tensorflow as tf

from perceiver_keras.errors import UsageError
from perceiver_keras.tasks.multimodal_autoencoding import data
from perceiver_keras.tasks.multimodal_autoencoding.presets import PRESETS, TINY
from tests.tasks.multimodal_autoencoding.example import clip, features

SEED = tf.constant([3, 4])


def test_training_asks_for_points_and_their_own_targets():
    inputs, targets = data.prepare(features(), TINY, True, SEED)
    whole_inputs, whole = data.prepare(features(), TINY, False, SEED)
    assert "points" not in whole_inputs and whole["image"].shape == (4, 16, 16, 3)
    points = inputs["points"]
    assert points["image"].shape == TINY.data.image_points
    pixels = tf.reshape(whole["image"], [-1, 3])
    np.testing.assert_array_equal(targets["image"], tf.gather(pixels, points["image"]))
    patches = tf.gather(tf.reshape(whole["audio"], [-1, 16]), points["audio"])
    np.testing.assert_array_equal(targets["audio"], tf.reshape(patches, [-1]))
    other, _ = data.prepare(features(), TINY, True, SEED + 1)
    assert (other["points"]["image"] != points["image"]).numpy().any()
    assert len(np.unique(points["image"])) > 0.8 * len(points["image"])


def test_all_points_where_none_are_named():
    config = dataclasses.replace(
        TINY, data=dataclasses.replace(TINY.data, image_points=8, audio_points=None)
    )
    inputs, targets = data.prepare(features(), config, True, SEED)
    assert list(inputs["points"]["audio"].numpy()) == list(range(80))
    assert targets["audio"].shape == (1280,) and targets["image"].shape == (8, 3)


def test_a_clip_to_be_served_has_no_label():
    stored = features()
    inputs, targets = data.prepare(stored, TINY, False, SEED)
    np.testing.assert_array_equal(inputs["label"], [0, 1, 0, 0])
    assert targets["label"] == 1
    del stored["label"]
    hidden, nothing = data.prepare(stored, TINY, False, SEED)
    assert nothing is None and not hidden["label"].numpy().any()
    np.testing.assert_array_equal(hidden["image"], inputs["image"])


def test_sound_and_frames_last_equally_long():
    """16 frames at 25 per second and 30,720 samples: 48 kHz."""
    assert data.sample_rate(PRESETS["video_autoencoding"].config) == 48_000
    assert data.sample_rate(TINY) == 8_000


def test_check_names_what_is_wrong():
    one = clip()
    good = {"frames": list(one.frames), "audio": [one.sound], "label": [3]}
    assert data.check(good, TINY) is None
    assert "label 4 is not in 0 to 3" in data.check({**good, "label": [4]}, TINY)
    assert "3 frames; the model takes 4" in data.check({**good, "frames": one.frames[:3]}, TINY)
    broken = [*one.frames[:2], b"x", one.frames[3]]
    assert data.check({**good, "frames": broken}, TINY).startswith("frame 2: not a PNG")
    assert data.check({**good, "audio": [b"x"]}, TINY).startswith("audio: not a WAV")
    with pytest.raises(UsageError, match="--set model.num_classes=2"):
        data.EXAMPLES.check_dataset(["a", "b"], TINY)
