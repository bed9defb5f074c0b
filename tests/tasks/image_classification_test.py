"""What is particular to pictures and classes."""

import dataclasses
import io

import numpy as np
import pytest
import tensorflow as tf
from PIL import Image

from perceiver_keras.errors import UsageError
from perceiver_keras.tasks import image_classification as task

CONFIG = task.PRESETS["tiny"].config


def png(array: np.ndarray) -> bytes:
    buffer = io.BytesIO()
    Image.fromarray(array).save(buffer, "PNG")
    return buffer.getvalue()


@pytest.fixture(scope="module")
def model():
    tf.keras.utils.set_random_seed(1)
    return task.ImageClassifier.from_preset("tiny")


def test_input_is_the_picture_scaled_to_plus_minus_one():
    pixels = np.arange(64, dtype=np.uint8).reshape(8, 8) * 4
    got = task.to_input(tf.constant(png(pixels)), CONFIG)
    np.testing.assert_allclose(got[..., 0], pixels / 127.5 - 1, atol=1e-6)


def test_augmentation_moves_the_picture_a_little_and_only_in_training():
    pixels = np.zeros((8, 8), np.uint8)
    pixels[3:5, 3:5] = 255
    encoded, grid = tf.constant(png(pixels)), np.indices((8, 8))
    centres = []
    for seed in range(40):
        got = task.to_input(encoded, CONFIG, True, tf.constant([seed, 0]))[..., 0].numpy() + 1
        centres.append((grid * got).sum((1, 2)) / got.sum())
        still = task.to_input(encoded, CONFIG, False, tf.constant([seed, 0]))[..., 0].numpy() + 1
        np.testing.assert_allclose((grid * still).sum((1, 2)) / still.sum(), 3.5, atol=1e-5)
    moved = np.abs(np.array(centres) - 3.5)
    assert moved.max() <= CONFIG.data.shift + 0.1
    assert moved.mean(0).min() > 0.2


def test_serving_raw_pictures_equals_calling_the_model(model):
    rng = np.random.default_rng(0)
    pictures = [rng.integers(0, 256, (8, 8)).astype(np.uint8) for _ in range(3)]
    raw = task.read([png(p) for p in pictures])
    outputs = task.serve(model, raw, CONFIG, [f"class {i}" for i in range(10)])
    logits = model(np.stack(pictures)[..., None].astype(np.float32) / 127.5 - 1).numpy()
    exact = np.exp(logits.astype(np.float64))
    exact /= exact.sum(-1, keepdims=True)
    np.testing.assert_allclose(outputs["probabilities"], exact, rtol=1e-5)
    expected = [f"class {i}".encode() for i in exact.argmax(-1)]
    assert list(outputs["label"].numpy()) == expected


def test_answers_are_sorted_and_have_hugging_face_s_keys(model):
    (answer,) = model.classify([png(np.zeros((8, 8), np.uint8))], top=3)
    assert [set(a) for a in answer] == [{"label", "score"}] * 3
    scores = [a["score"] for a in answer]
    assert scores == sorted(scores, reverse=True)


def test_colour_and_other_sizes_are_brought_to_the_model_s(model):
    picture = np.zeros((31, 17, 3), np.uint8)
    assert len(model.classify([png(picture)])) == 1


def test_check_names_what_is_wrong():
    good = {"image": [png(np.zeros((8, 8), np.uint8))], "label": [3]}
    assert task.check(good, CONFIG) is None
    assert "label 10 is not in 0 to 9" in task.check({**good, "label": [10]}, CONFIG)
    assert "label -1 is not in" in task.check({**good, "label": [-1]}, CONFIG)
    assert task.check({**good, "image": [good["image"][0][:40]]}, CONFIG)
    assert task.check({**good, "image": [b"no picture"]}, CONFIG)


def test_another_number_of_classes_says_which_key_to_set():
    with pytest.raises(UsageError, match="--set model.num_classes=3"):
        task.check_dataset(["a", "b", "c"], CONFIG)


def test_baseline_is_the_share_of_the_commonest_class():
    targets = tf.constant([1, 1, 2, 9, 1], tf.int64)
    dataset = tf.data.Dataset.from_tensors((tf.zeros([5, 8, 8, 1]), targets))
    assert task.baseline(dataset, CONFIG) == {"accuracy": pytest.approx(0.6)}


@pytest.mark.parametrize(
    "preset, parameters",
    [
        ("imagenet_learned_position_encoding", 62_255_848),
        ("imagenet_fourier_position_encoding", 48_440_627),
        ("imagenet_conv_preprocessing", 48_646_522),
    ],
)
def test_parameters_are_the_official_number(preset, parameters):
    model = task.ImageClassifier.from_preset(preset)
    moving = sum(int(np.prod(v.shape)) for v in model.non_trainable_variables)
    assert model.count_params() - moving == parameters


def test_large_presets_differ_only_where_the_paper_says():
    learned, fourier = (
        task.PRESETS[f"imagenet_{kind}_position_encoding"].config.model
        for kind in ("learned", "fourier")
    )
    assert not learned.decode.use_query_residual and fourier.decode.use_query_residual
    assert (
        dataclasses.replace(
            learned, stem=fourier.stem, position=fourier.position, decode=fourier.decode
        )
        == fourier
    )
