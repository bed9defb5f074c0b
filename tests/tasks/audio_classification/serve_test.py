"""Sounds longer and shorter than the model's, with and without frames."""

from __future__ import annotations

import numpy as np
import pytest
import tensorflow as tf

from perceiver_keras.data import audio
from perceiver_keras.tasks.audio_classification import serve
from perceiver_keras.tasks.audio_classification.data import to_input
from perceiver_keras.tasks.audio_classification.model import AudioClassifier
from perceiver_keras.tasks.audio_classification.predict import pack
from tests.tasks.audio_classification.sounds import RISING, SEEING, brightening, wav


@pytest.fixture(scope="module")
def model():
    return AudioClassifier.from_preset("tiny")


def test_a_longer_sound_is_the_mean_of_its_windows(model):
    long = wav(3 * 5120)
    (whole,) = model.serve_contents([long])["probabilities"]
    samples = audio.decode_whole(tf.constant(long), 8000).numpy()
    parts = [audio.encode_wav(part, 8000) for part in np.split(samples, 3)]
    alone = model.serve_contents(parts)["probabilities"]
    np.testing.assert_allclose(whole, alone.mean(0), atol=1e-4)
    short = model.serve_contents([wav(100)])["probabilities"]
    assert short.shape == (1, 8) and np.isfinite(short).all()


def test_windows_of_a_clip_have_the_frames_of_their_sound():
    """7 frames for a model of 4: two windows, from frames 0 and 3."""
    model = AudioClassifier(SEEING.model).build_all()
    clip = brightening()
    served = serve.serve(model, pack([clip, clip]), SEEING, None)
    windows = [
        to_input(
            tf.constant(RISING[start * 320 : start * 320 + 1280], tf.float32),
            tf.constant(clip.frames[start : start + 4]),
            SEEING.model,
        )
        for start in (0, 3)
    ]
    batch = tf.nest.map_structure(lambda *parts: tf.stack(parts), *windows)
    logits = model(batch)
    expected = tf.sigmoid(logits).numpy().mean(0)
    np.testing.assert_allclose(served["probabilities"][1], expected, atol=1e-3)
    assert {"frames_bytes", "audio_bytes"} == set(serve.spec(SEEING))
    np.testing.assert_allclose(
        serve.respond(batch, logits, SEEING, None)["probabilities"],
        1 / (1 + np.exp(-logits.numpy().astype(np.float64))),
        rtol=1e-5,
    )
