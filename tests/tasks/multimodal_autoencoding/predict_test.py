"""Videos in; reconstructions as videos, sounds and pictures out."""

from __future__ import annotations

import numpy as np
import pytest
import tensorflow as tf

from perceiver_keras.data.builders.perceiver_clips import perceiver_clips_dataset_builder as builder
from perceiver_keras.data.video.clips import read_video, to_mp4
from perceiver_keras.tasks.multimodal_autoencoding import data, predict
from perceiver_keras.tasks.multimodal_autoencoding.model import MultimodalAutoencoder
from perceiver_keras.tasks.multimodal_autoencoding.presets import TINY
from tests.tasks.multimodal_autoencoding.example import features


@pytest.fixture(scope="module")
def model():
    return MultimodalAutoencoder.from_preset("tiny")


def test_videos_in_and_out(model, tmp_path):
    video = tmp_path / "clip.mp4"
    pixels, _ = builder.render(np.random.default_rng(0), 0, 5)
    video.write_bytes(to_mp4(pixels / 255, np.zeros(5 * 1920), 48_000))
    (asked,) = predict.ASKING.requests([str(video)])
    assert asked.error == "" and len(asked.content.frames) == 5
    outputs = {k: v[0] for k, v in model.serve_contents([asked.content]).items()}
    (answer,) = model.answer([asked.content])
    assert {*answer[0]} == {"label", "score"}
    back = tmp_path / "back.mp4"
    back.write_bytes(predict.ASKING.formats[".mp4"](outputs))
    assert len(read_video(back).frames) == 5
    figure = predict.picture([asked.content], [outputs], [answer])
    figure.canvas.draw()
    *_, waves = figure.axes
    assert waves.get_title().startswith(answer[0]["label"])


def test_the_sound_s_rate_follows_from_the_frames():
    """4 frames at 25 per second and 1280 samples: 8 kHz."""
    sound = np.sin(np.arange(1280) / 9) / 2
    outputs = {"video": np.zeros((4, 16, 16, 3)), "audio": sound}
    samples, rate = tf.audio.decode_wav(predict.ASKING.formats[".wav"](outputs))
    assert rate == 8000
    np.testing.assert_allclose(samples[:, 0], sound, atol=1e-4)


def test_the_report_names_what_a_clip_is_taken_for(model):
    example = data.prepare(features(), TINY, False, tf.constant([3, 4]))
    inputs, targets = tf.nest.map_structure(lambda value: value[None], example)
    figures = predict.report(model, inputs, targets, TINY, builder.SHAPES)
    guess = builder.SHAPES[int(model(inputs)["label"][0].numpy().argmax())]
    clips, matrix = figures.values()
    assert clips.axes[-1].get_title() == f"square, said to be {guess}"
    assert [text.get_text() for text in matrix.axes[0].texts] == ["1"]


def test_a_verdict_is_a_label_and_shows_the_middle_frame(model):
    example = data.prepare(features(), TINY, False, tf.constant([3, 4]))
    inputs, targets = tf.nest.map_structure(lambda value: value[None], example)
    said = predict.verdicts(model, inputs, targets, TINY)
    assert said.truth.tolist() == [int(targets["label"][0])]
    np.testing.assert_allclose(said.probabilities, model(inputs)["label"], atol=1e-5)
    frames = targets["image"][0]
    np.testing.assert_array_equal(said.example(0), frames[len(frames) // 2])
