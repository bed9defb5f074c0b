"""Stored sounds to examples: several labels at once, a part of a longer clip, and what is refused."""

from __future__ import annotations

import numpy as np
import pytest
import tensorflow as tf

from perceiver_keras.errors import UsageError
from perceiver_keras.tasks.audio_classification import data
from perceiver_keras.tasks.audio_classification.presets import TINY
from tests.tasks.audio_classification.sounds import SEEING, brightening, wav

SEED = tf.constant([3, 4])


def test_labels_are_all_that_is_named():
    label = tf.constant([2, 5, -1], tf.int64)
    inputs, target = data.prepare({"audio": tf.constant(wav()), "label": label}, TINY, True, SEED)
    assert list(np.flatnonzero(target)) == [2, 5] and target.shape == 8
    assert inputs["audio"].shape == (40, 32, 1)


def test_a_model_that_sees_takes_a_part_of_the_clip_and_its_sound():
    clip = brightening()
    features = {
        "audio": tf.constant(clip.sound),
        "frames": tf.constant(clip.frames),
        "label": tf.constant([0, -1, -1], tf.int64),
    }
    starts = set()
    for seed in range(12):
        inputs, _ = data.prepare(features, SEEING, True, tf.constant([seed, 0]))
        first = inputs["image"].numpy()[:, 0, 0, 0] * 255 / 30
        heard = inputs["audio"].numpy().reshape(4, 320).mean(1) * 10
        np.testing.assert_allclose(first, heard, atol=1e-2)
        starts.add(round(float(first[0])))
    assert starts == {0, 1, 2, 3}
    middle, _ = data.prepare(features, SEEING, False, SEED)
    assert round(float(middle["image"][0, 0, 0, 0]) * 255 / 30) == 1


def test_check_names_what_is_wrong():
    good = {"audio": [wav()], "label": [0, 7, -1]}
    assert data.check(good, TINY) is None
    assert "label 8 is not in -1 to 7" in data.check({**good, "label": [0, 8, -1]}, TINY)
    assert data.check({**good, "audio": [b"x"]}, TINY).startswith("audio: not a WAV")
    assert "'frames' is missing" in data.check(good, SEEING)
    clip = brightening()
    seen = {"audio": [clip.sound], "label": [0, -1, -1], "frames": list(clip.frames)}
    assert data.check(seen, SEEING) is None
    seen["frames"][3] = b"x"
    assert data.check(seen, SEEING).startswith("frame 3: not a PNG")
    with pytest.raises(UsageError, match="--set model.num_classes=2"):
        data.EXAMPLES.check_dataset(["a", "b"], TINY)


def test_frames_are_measured_where_the_model_sees_them():
    assert data.kinds(TINY) == {"audio": "sound", "label": "labels"}
    assert data.kinds(SEEING)["frames"] == "pictures"
