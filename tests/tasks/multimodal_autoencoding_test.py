"""What is particular to clips: points, the loss, windows of a longer clip, films in and out."""

import dataclasses

import numpy as np
import pytest
import tensorflow as tf

from perceiver_keras.data import audio
from perceiver_keras.data.builders.perceiver_clips import perceiver_clips_dataset_builder as builder
from perceiver_keras.data.video import clips as video
from perceiver_keras.errors import PerceiverError, UsageError
from perceiver_keras.tasks import multimodal_autoencoding as task
from perceiver_keras.tasks.shared import clips

CONFIG = task.PRESETS["tiny"].config
SEED = tf.constant([3, 4])


def clip(frames: int = 4, seed: int = 0) -> video.Clip:
    pixels, radius = builder.render(np.random.default_rng(seed), 1, frames)
    encoded = tuple(tf.io.encode_png(frame).numpy() for frame in pixels)
    sound = builder.tone(1, radius / 8, frames * builder.SAMPLES)
    return video.Clip(encoded, audio.encode_wav(sound, builder.RATE))


def features(frames: int = 4) -> dict:
    one = clip(frames)
    label = tf.constant(1, tf.int64)
    return {"frames": tf.constant(one.frames), "audio": tf.constant(one.sound), "label": label}


@pytest.fixture(scope="module")
def model():
    tf.keras.utils.set_random_seed(1)
    return task.MultimodalAutoencoder.from_preset("tiny")


def test_training_asks_for_points_and_their_own_targets():
    inputs, targets = task.prepare(features(), CONFIG, True, SEED)
    whole_inputs, whole = task.prepare(features(), CONFIG, False, SEED)
    assert "points" not in whole_inputs and whole["image"].shape == (4, 16, 16, 3)
    points = inputs["points"]
    assert points["image"].shape == CONFIG.data.image_points
    pixels = tf.reshape(whole["image"], [-1, 3])
    np.testing.assert_array_equal(targets["image"], tf.gather(pixels, points["image"]))
    patches = tf.gather(tf.reshape(whole["audio"], [-1, 16]), points["audio"])
    np.testing.assert_array_equal(targets["audio"], tf.reshape(patches, [-1]))
    other, _ = task.prepare(features(), CONFIG, True, SEED + 1)
    assert (other["points"]["image"] != points["image"]).numpy().any()
    assert len(np.unique(points["image"])) > 0.8 * len(points["image"])


def test_points_of_each_example_give_the_whole_s_numbers(model):
    batch = [task.prepare(features(), CONFIG, True, SEED + i) for i in range(3)]
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
    assert np.isfinite(task.loss(CONFIG)(targets, some))


def test_the_loss_is_the_paper_s():
    rng = np.random.default_rng(0)
    targets = {
        "image": rng.uniform(size=(2, 5, 3)).astype("f"),
        "audio": rng.uniform(-1, 1, (2, 8)).astype("f"),
        "label": np.array([1, 3]),
    }
    outputs = {
        "image": rng.uniform(size=(2, 5, 3)).astype("f"),
        "audio": rng.uniform(-1, 1, (2, 8)).astype("f"),
        "label": rng.normal(size=(2, 4)).astype("f"),
    }
    released = task.PRESETS["video_autoencoding"].config
    z = outputs["label"].astype(np.float64)
    nats = np.log(np.exp(z).sum(1)) - z[np.arange(2), targets["label"]]
    expected = (
        0.03 * np.abs(targets["image"] - outputs["image"]).mean((1, 2))
        + np.abs(targets["audio"] - outputs["audio"]).mean(1)
        + 1e-4 * nats
    )
    np.testing.assert_allclose(task.loss(released).call(targets, outputs), expected, rtol=1e-5)
    found = task.columns(targets, outputs).numpy()
    mse = ((targets["image"] - outputs["image"]).astype(np.float64) ** 2).mean((1, 2))
    np.testing.assert_allclose(found[:, 0], 10 * np.log10(1 / mse), rtol=1e-5)
    assert list(found[:, 2]) == list((z.argmax(1) == targets["label"]).astype(float))


def test_a_longer_clip_is_its_windows_side_by_side(model):
    long = clip(7, seed=5)
    outputs = model.serve_contents([long])
    assert outputs["video"].shape == (1, 7, 16, 16, 3)
    assert outputs["audio"].shape == (1, 7 * 320)
    first = model.serve_contents([video.Clip(long.frames[:4], long.sound)])
    np.testing.assert_allclose(outputs["video"][:, :4], first["video"], atol=1e-5)
    np.testing.assert_allclose(outputs["audio"][:, :1280], first["audio"], atol=1e-5)
    np.testing.assert_allclose(outputs["probabilities"].sum(), 1, rtol=1e-5)


def test_films_in_and_out(model, tmp_path):
    film = tmp_path / "clip.mp4"
    pixels, _ = builder.render(np.random.default_rng(0), 0, 5)
    film.write_bytes(video.to_mp4(pixels / 255, np.zeros(5 * 1920), 48_000))
    (asked,) = task.TASK.requests([str(film)])
    assert asked.error == "" and len(asked.content.frames) == 5
    (answer,) = model.autoencode([film])
    assert answer["video"].shape == (5, 16, 16, 3) and answer["audio"].shape == (5 * 320,)
    assert {*answer["labels"][0]} == {"label", "score"}
    back = tmp_path / "back.mp4"
    back.write_bytes(task.TASK.formats[".mp4"](answer))
    assert len(video.read_film(back).frames) == 5
    outputs = {k: v[0] for k, v in model.serve_contents([asked.content]).items()}
    figure = task.TASK.picture([asked.content], [outputs], [answer["labels"]])
    figure.canvas.draw()


def test_requests_are_films_and_folders_of_frames(tmp_path):
    frames = tmp_path / "frames"
    frames.mkdir()
    for number, frame in enumerate(clip().frames):
        (frames / f"{number}.png").write_bytes(frame)
    (tmp_path / "broken.mp4").write_bytes(b"no film")
    found = list(clips.requests([str(frames), str(tmp_path / "broken.mp4")]))
    assert found[0].content == video.Clip(clip().frames) and found[0].error == ""
    assert found[1].content is None and "ffmpeg can't read it" in found[1].error
    with pytest.raises(PerceiverError, match="does not exist"):
        clips.to_clip(tmp_path / "nothing")
    with pytest.raises(PerceiverError, match="different lengths"):
        clips.as_inputs([clip(4), clip(5)])


def test_check_names_what_is_wrong():
    one = clip()
    good = {"frames": list(one.frames), "audio": [one.sound], "label": [3]}
    assert task.check(good, CONFIG) is None
    assert "label 4 is not in 0 to 3" in task.check({**good, "label": [4]}, CONFIG)
    assert "3 frames; the model takes 4" in task.check({**good, "frames": one.frames[:3]}, CONFIG)
    broken = [*one.frames[:2], b"x", one.frames[3]]
    assert task.check({**good, "frames": broken}, CONFIG).startswith("frame 2: not a PNG")
    assert task.check({**good, "audio": [b"x"]}, CONFIG).startswith("audio: not a WAV")
    with pytest.raises(UsageError, match="--set model.num_classes=2"):
        task.check_dataset(["a", "b"], CONFIG)


def test_baseline_is_the_mean_picture_silence_and_the_commonest_label():
    batch = [task.prepare(features(), CONFIG, False, SEED) for _ in range(2)]
    inputs, targets = tf.nest.map_structure(lambda *parts: tf.stack(parts), *batch)
    found = task.baseline(tf.data.Dataset.from_tensors((inputs, targets)), CONFIG)
    assert found["video_psnr"] > 90 and found["accuracy"] == 1  # one clip is its own mean
    power = (targets["audio"].numpy().astype(np.float64)[0] ** 2).mean()
    assert found["audio_psnr"] == pytest.approx(-10 * np.log10(power), rel=1e-4)


def test_all_points_where_none_are_named():
    config = dataclasses.replace(
        CONFIG, data=dataclasses.replace(CONFIG.data, image_points=8, audio_points=None)
    )
    inputs, targets = task.prepare(features(), config, True, SEED)
    assert list(inputs["points"]["audio"].numpy()) == list(range(80))
    assert targets["audio"].shape == (1280,) and targets["image"].shape == (8, 3)
