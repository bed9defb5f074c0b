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


def test_the_graph_hears_any_wav_or_says_what_is_wrong(model):
    """24 bits after a chunk of odd size, without ffmpeg: as a client of the served model sends them."""
    samples = np.random.default_rng(0).integers(-9999, 9999, 5120)
    plain = audio.encode_wav(samples / 32768, 8000)
    wide = (samples << 8).astype("<i4").tobytes()
    data = b"".join(wide[at : at + 3] for at in range(0, len(wide), 4))
    fmt = plain[12:36].replace(b"\x80\x3e\0\0\2\0\x10\0", b"\xc0\x5d\0\0\3\0\x18\0")
    other = b"LIST\5\0\0\0INFOa\0" + fmt + b"data" + len(data).to_bytes(4, "little") + data
    other = b"RIFF" + (len(other) + 4).to_bytes(4, "little") + b"WAVE" + other
    answers = [
        serve.serve(model, {"audio_bytes": tf.constant([one])}, model.task_config, None)
        for one in (plain, other)
    ]
    np.testing.assert_array_equal(*(answer["probabilities"] for answer in answers))
    with pytest.raises(tf.errors.InvalidArgumentError, match="truncated WAV: 360 of 15360 bytes"):
        serve.serve(model, {"audio_bytes": tf.constant([other[:-360]])}, model.task_config, None)


def test_sounds_that_fit_are_served_as_training_prepares_them(model):
    raw = {"audio_bytes": tf.constant([wav(5120), wav(100), wav(5121)])}
    assert serve.as_trained(raw, model.task_config).numpy().tolist() == [True, True, False]
