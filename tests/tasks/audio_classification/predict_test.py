"""Files of sound and videos in, answers and pictures out."""

from __future__ import annotations

import io

import numpy as np
import pytest
import tensorflow as tf

from perceiver_keras.data import audio
from perceiver_keras.data.video.clips import Clip, to_mp4
from perceiver_keras.errors import PerceiverError
from perceiver_keras.tasks.audio_classification import predict
from perceiver_keras.tasks.audio_classification.model import AudioClassifier
from perceiver_keras.tasks.audio_classification.presets import TINY
from tests.data.sound_files import PICTURES, make, tone
from tests.tasks.audio_classification.sounds import SEEING, wav


@pytest.fixture(scope="module")
def model():
    return AudioClassifier.from_preset("tiny")


def test_answers_from_files(model, tmp_path):
    path = tmp_path / "a.wav"
    path.write_bytes(wav(16_000, 16_000))
    (asked,) = predict.requests([str(path)])
    (answer,) = model.answer([asked.content], top=3)
    assert model.classify([path], top=3) == [answer]
    (tmp_path / "b.mp3").write_bytes(b"no sound")
    (asked,) = predict.requests([str(tmp_path / "b.mp3")])
    assert "ffmpeg can't read it" in asked.error
    figure = predict.picture([wav()], [], [answer])
    figure.canvas.draw()
    assert answer[0]["label"] in figure.axes[0].get_title()


def test_a_video_is_asked_about_by_its_sound_or_whole(tmp_path):
    tone = 0.5 * np.sin(np.arange(8 * 1920) / 20)
    path = tmp_path / "a.mp4"
    path.write_bytes(to_mp4(np.full((8, 16, 16, 3), 0.5), tone, 48_000))
    (asked,) = predict.requests([str(path)])
    assert asked.error == "" and len(asked.content.frames) == 8
    seen = predict.pack([asked.content, asked.content])
    assert {name: value.shape for name, value in seen.items()} == {
        "frames_bytes": (2, 8),
        "audio_bytes": (2,),
    }
    heard = predict.pack([asked.content, wav()])  # not all of them have frames
    assert heard.keys() == {"audio_bytes"} and heard["audio_bytes"][1] == wav()
    back = audio.decode_whole(tf.constant(heard["audio_bytes"][0]), 48_000).numpy()
    assert np.corrcoef(back[2000:9000], tone[2000:9000])[0, 1] > 0.9


def test_a_video_without_sound_is_an_error_and_a_sound_named_as_a_video_is_heard(tmp_path):
    silent = make(tmp_path / "silent.mp4", *PICTURES)
    (asked,) = predict.requests([str(silent)])
    assert asked.content is None and "it has no sound" in asked.error
    with pytest.raises(PerceiverError, match="it has no sound"):
        predict.pack([silent])
    with pytest.raises(PerceiverError, match="without sound"):
        predict.pack([Clip((b"a frame",)), wav()])
    song = make(tmp_path / "song.mp4", *tone(1))
    (asked,) = predict.requests([str(song)])
    assert asked.content == audio.as_wav(song)


def test_standard_input_is_heard_to_its_index(tmp_path, monkeypatch):
    path = make(tmp_path / "a.m4a", *tone(8), "-b:a", "96k")
    with open(path, "rb") as file:
        monkeypatch.setattr("sys.stdin", io.TextIOWrapper(file))
        (asked,) = predict.requests(["-"])
    assert asked.content == audio.as_wav(path)


def test_the_report_of_a_model_that_takes_samples_shows_spectrograms():
    model = AudioClassifier(SEEING.model).build_all()
    inputs = {
        "audio": tf.constant(np.random.default_rng(0).uniform(-1, 1, (2, 1280, 1)), tf.float32),
        "image": tf.zeros([2, 4, 16, 16, 3]),
    }
    truth = tf.one_hot([1, 5], 8)
    names = [f"kind {i}" for i in range(8)]
    figures = predict.report(model, inputs, truth, SEEING, names)
    sounds, scores = figures.values()
    assert [axes.images[0].get_array().shape for axes in sounds.axes] == [
        (64, 5)
    ] * 2  # bins, windows
    for axes, true in zip(sounds.axes, ("kind 1", "kind 5"), strict=True):
        assert true in axes.get_title()
    assert len(scores.axes[0].get_yticklabels()) == TINY.model.num_classes


def test_a_verdict_may_have_several_classes_and_shows_the_spectrogram():
    model = AudioClassifier(SEEING.model).build_all()
    samples = np.zeros([1, 1280, 1], np.float32)
    samples[0, 640:, 0] = np.sin(np.arange(640) * 2 * np.pi * 0.02)  # a low note in the second half
    inputs = {"audio": tf.constant(samples), "image": tf.zeros([1, 4, 16, 16, 3])}
    truth = tf.constant([[0, 1, 0, 0, 0, 1, 0, 0]], tf.float32)
    said = predict.verdicts(model, inputs, truth, SEEING)
    assert np.flatnonzero(said.truth[0]).tolist() == [1, 5]
    np.testing.assert_allclose(said.probabilities, tf.sigmoid(model(inputs)), atol=1e-5)
    shown = said.example(0)[..., 0]
    loudest = np.unravel_index(shown.argmax(), shown.shape)
    assert loudest[0] > shown.shape[0] / 2 and loudest[1] >= shown.shape[1] / 2
