"""What is particular to sounds: several labels at once, windows of longer sounds, films, the paper's sizes."""

import numpy as np
import pytest
import tensorflow as tf

from perceiver_keras import config as c
from perceiver_keras.data import audio
from perceiver_keras.data.builders.perceiver_sounds import (
    perceiver_sounds_dataset_builder as builder,
)
from perceiver_keras.data.video import clips as video
from perceiver_keras.tasks import audio_classification as task

CONFIG = task.TINY
SEED = tf.constant([3, 4])


def wav(samples: int = 5120, rate: int = 8000) -> bytes:
    return audio.encode_wav(np.random.default_rng(0).uniform(-0.5, 0.5, samples), rate)


@pytest.fixture(scope="module")
def model():
    tf.keras.utils.set_random_seed(1)
    return task.AudioClassifier.from_preset("tiny")


def seeing() -> task.AudioClassificationConfig:
    """Raw sound with a film, small."""
    return c.override(
        CONFIG,
        'model.sound={"kind": "RawSound", "samples_per_patch": 32, "bands": 4}',
        'model.film={"num_frames": 4, "image_size": [16, 16], "bands": 3}',
        "model.num_samples=1280",
        "data.stored_frames=7",
        "data.windows=2",
    )


def test_labels_are_all_that_is_named():
    label = tf.constant([2, 5, -1], tf.int64)
    inputs, target = task.prepare({"audio": tf.constant(wav()), "label": label}, CONFIG, True, SEED)
    assert list(np.flatnonzero(target)) == [2, 5] and target.shape == 8
    assert inputs["audio"].shape == (40, 32, 1)


def test_a_longer_sound_is_the_mean_of_its_windows(model):
    long = wav(3 * 5120)
    (whole,) = model.serve_contents([long])["probabilities"]
    samples = audio.decode_whole(tf.constant(long), 8000).numpy()
    parts = [audio.encode_wav(part, 8000) for part in np.split(samples, 3)]
    alone = model.serve_contents(parts)["probabilities"]
    np.testing.assert_allclose(whole, alone.mean(0), atol=1e-4)
    short = model.serve_contents([wav(100)])["probabilities"]
    assert short.shape == (1, 8) and np.isfinite(short).all()


def test_answers_from_files(model, tmp_path):
    path = tmp_path / "a.wav"
    path.write_bytes(wav(16_000, 16_000))
    (asked,) = task.TASK.requests([str(path)])
    (answer,) = model.classify([asked.content], top=3)
    assert [set(a) for a in answer] == [{"label", "score"}] * 3
    scores = [a["score"] for a in answer]
    assert scores == sorted(scores, reverse=True)
    assert model.classify([path], top=3) == [answer]
    (tmp_path / "b.mp3").write_bytes(b"no sound")
    (asked,) = task.TASK.requests([str(tmp_path / "b.mp3")])
    assert "ffmpeg can't read it" in asked.error
    task.TASK.picture([wav()], [], [answer]).canvas.draw()


def test_a_model_that_sees_takes_a_part_of_the_film_and_its_sound():
    config = seeing()
    frames = [np.full((16, 16, 3), 30 * i, np.uint8) for i in range(7)]
    sound = np.repeat(np.arange(7) / 10, 320)  # as loud as the frame is bright
    features = {
        "audio": tf.constant(audio.encode_wav(sound, 8000)),
        "frames": tf.constant([tf.io.encode_png(frame).numpy() for frame in frames]),
        "label": tf.constant([0, -1, -1], tf.int64),
    }
    starts = set()
    for seed in range(12):
        inputs, _ = task.prepare(features, config, True, tf.constant([seed, 0]))
        first = inputs["image"].numpy()[:, 0, 0, 0] * 255 / 30
        heard = inputs["audio"].numpy().reshape(4, 320).mean(1) * 10
        np.testing.assert_allclose(first, heard, atol=1e-2)
        starts.add(round(float(first[0])))
    assert starts == {0, 1, 2, 3}
    middle, _ = task.prepare(features, config, False, SEED)
    assert round(float(middle["image"][0, 0, 0, 0]) * 255 / 30) == 1
    model = task.TASK.build(config).build_all()
    clip = video.Clip(tuple(features["frames"].numpy()), features["audio"].numpy())
    served = task.serve(model, task.as_inputs([clip, clip]), config, None)
    windows = [
        task.to_input(
            tf.constant(sound[start * 320 : start * 320 + 1280], tf.float32),
            features["frames"][start : start + 4],
            config.model,
        )
        for start in (0, 3)
    ]
    batch = tf.nest.map_structure(lambda *parts: tf.stack(parts), *windows)
    expected = tf.sigmoid(model(batch)).numpy().mean(0)
    np.testing.assert_allclose(served["probabilities"][1], expected, atol=1e-3)
    assert {"frames_bytes", "audio_bytes"} == set(task.serving_spec(config))


def test_check_names_what_is_wrong():
    good = {"audio": [wav()], "label": [0, 7, -1]}
    assert task.check(good, CONFIG) is None
    assert "label 8 is not in -1 to 7" in task.check({**good, "label": [0, 8, -1]}, CONFIG)
    assert task.check({**good, "audio": [b"x"]}, CONFIG).startswith("audio: not a WAV")
    assert "'frames' is missing" in task.check(good, seeing())


def test_baseline_is_the_mean_share():
    targets = tf.constant([[1, 0, 0], [1, 1, 0]], tf.float32)
    config = c.override(CONFIG, "model.num_classes=3")
    found = task.baseline(tf.data.Dataset.from_tensors(({}, targets)), config)
    assert found == {"mean_average_precision": pytest.approx(0.75)}


@pytest.mark.parametrize(
    "preset, elements, millions",
    [
        ("audioset_raw", 13_024, 25.0),
        pytest.param("audioset_mel", 17_344, 88.2, marks=pytest.mark.slow),
    ],
)
def test_sizes_are_the_paper_s(preset, elements, millions):
    """Tab. 5 and 10: the array's elements and channels, and the parameters."""
    model = task.TASK.build(task.PRESETS[preset].config)
    assert abs(model.build_all().count_params() / 1e6 - millions) < 0.05
    spec = task.input_spec(model.config)
    parts = model.preprocess.modalities
    shapes = {n: parts[n].compute_output_shape((1, *spec[n].shape)) for n in parts}
    assert sum(shape[1] for shape in shapes.values()) == elements
    assert max(shape[2] for shape in shapes.values()) + model.config.input_padding == 487


def test_kinds_of_the_data_set_fit_the_preset():
    assert len(builder.KINDS) == CONFIG.model.num_classes
    assert CONFIG.data.max_labels == builder.MOST
