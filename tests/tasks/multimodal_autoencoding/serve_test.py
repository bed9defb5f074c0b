"""Clips of the model's length and longer, through the served graph."""

from __future__ import annotations

import numpy as np
import pytest
import tensorflow as tf

from perceiver_keras.data.video.clips import Clip
from perceiver_keras.tasks.multimodal_autoencoding import data, serve
from perceiver_keras.tasks.multimodal_autoencoding.model import MultimodalAutoencoder
from perceiver_keras.tasks.multimodal_autoencoding.presets import TINY
from perceiver_keras.tasks.shared.clips import pack
from tests.tasks.multimodal_autoencoding.example import clip, features


@pytest.fixture(scope="module")
def model():
    return MultimodalAutoencoder.from_preset("tiny")


def test_a_longer_clip_is_its_windows_side_by_side(model):
    long = clip(7, seed=5)
    outputs = model.serve_contents([long])
    assert outputs["video"].shape == (1, 7, 16, 16, 3)
    assert outputs["audio"].shape == (1, 7 * 320)
    first = model.serve_contents([Clip(long.frames[:4], long.sound)])
    np.testing.assert_allclose(outputs["video"][:, :4], first["video"], atol=1e-5)
    np.testing.assert_allclose(outputs["audio"][:, :1280], first["audio"], atol=1e-5)
    np.testing.assert_allclose(outputs["probabilities"].sum(), 1, rtol=1e-5)


def test_serving_a_clip_equals_calling_the_model_on_it(model):
    """Its label is hidden, so the stored example with a label gives the same."""
    served = serve.serve(model, pack([clip(), clip(seed=2)]), TINY, None)
    inputs, _ = data.prepare(features(), TINY, False, tf.constant([3, 4]))
    outputs = model(tf.nest.map_structure(lambda value: value[None], inputs))
    np.testing.assert_allclose(served["video"][:1], outputs["image"], atol=1e-5)
    np.testing.assert_allclose(served["audio"][:1], outputs["audio"], atol=1e-5)
    chances = np.exp(outputs["label"].numpy().astype(np.float64))
    np.testing.assert_allclose(
        served["probabilities"][:1], chances / chances.sum(-1, keepdims=True), rtol=1e-4
    )


def test_clips_of_the_models_length_are_served_as_training_prepares_them():
    for frames in (3, 4, 8):
        raw = {"frames_bytes": tf.fill([2, frames], b""), "audio_bytes": tf.fill([2], b"")}
        fits = frames == TINY.model.num_frames
        assert serve.as_trained(raw, TINY).numpy().tolist() == [fits, fits]


@pytest.mark.parametrize("shape", [(0, 4), (0, 0), (2, 0)])
def test_a_request_without_frames_is_told(model, shape):
    raw = {"frames_bytes": tf.fill(shape, ""), "audio_bytes": tf.fill(shape[:1], "")}
    with pytest.raises(tf.errors.InvalidArgumentError, match="The request has no frames"):
        serve.serve(model, raw, TINY, None)
