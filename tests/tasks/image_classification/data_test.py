"""Stored pictures to inputs: scaled, augmented in training only, and checked."""

from __future__ import annotations

import numpy as np
import pytest
import tensorflow as tf

from perceiver_keras.config_tree import override
from perceiver_keras.data.store.records import file_records
from perceiver_keras.errors import UsageError
from perceiver_keras.tasks import registry
from perceiver_keras.tasks.batches import TrainingData
from perceiver_keras.tasks.image_classification import data
from perceiver_keras.tasks.image_classification.presets import PRESETS, TINY
from tests.tasks.image_classification.pictures import png


def test_input_is_the_picture_scaled_to_plus_minus_one():
    pixels = np.arange(64, dtype=np.uint8).reshape(8, 8) * 4
    got = data.to_input(tf.constant(png(pixels)), TINY)
    np.testing.assert_allclose(got[..., 0], pixels / 127.5 - 1, atol=1e-6)


def test_augmentation_moves_the_picture_a_little_and_only_in_training():
    pixels = np.zeros((8, 8), np.uint8)
    pixels[3:5, 3:5] = 255
    encoded, grid = tf.constant(png(pixels)), np.indices((8, 8))
    centres = []
    for seed in range(40):
        got = data.to_input(encoded, TINY, True, tf.constant([seed, 0]))[..., 0].numpy() + 1
        centres.append((grid * got).sum((1, 2)) / got.sum())
        still = data.to_input(encoded, TINY, False, tf.constant([seed, 0]))[..., 0].numpy() + 1
        np.testing.assert_allclose((grid * still).sum((1, 2)) / still.sum(), 3.5, atol=1e-5)
    moved = np.abs(np.array(centres) - 3.5)
    assert moved.max() <= TINY.data.shift + 0.1
    assert moved.mean(0).min() > 0.2


@pytest.mark.parametrize("training", [True, False])
def test_imagenet_s_channels_have_their_own_mean_and_deviation(training):
    """Whatever is cut out of a picture of one colour, each channel is that colour, normalised."""
    config = override(
        PRESETS["imagenet_fourier_position_encoding"].config,
        "data.augment=inception",
        "data.mixing=none",
    )
    colour = np.array([200, 100, 30], np.uint8)
    features = {
        "image": tf.constant(png(np.tile(colour, (300, 260, 1)))),
        "label": tf.constant(7, tf.int64),
    }
    picture, label = data.prepare(features, config, training, tf.constant([3, 4]))
    expected = (colour / 255 - [0.485, 0.456, 0.406]) / [0.229, 0.224, 0.225]
    assert picture.shape == (224, 224, 3) and label == 7
    np.testing.assert_allclose(picture, np.tile(expected, (224, 224, 1)), atol=1e-4)


def test_check_names_what_is_wrong():
    good = {"image": [png(np.zeros((8, 8), np.uint8))], "label": [3]}
    assert data.check(good, TINY) is None
    assert "label 10 is not in 0 to 9" in data.check({**good, "label": [10]}, TINY)
    assert "label -1 is not in" in data.check({**good, "label": [-1]}, TINY)
    assert data.check({**good, "image": [good["image"][0][:40]]}, TINY)
    assert data.check({**good, "image": [b"no picture"]}, TINY)


def test_another_number_of_classes_says_which_key_to_set():
    with pytest.raises(UsageError, match="--set model.num_classes=3"):
        data.EXAMPLES.check_dataset(["a", "b", "c"], TINY)


@pytest.mark.parametrize("channels", [2, 4])
@pytest.mark.parametrize("augment", ["none", "randaugment"])
def test_channels_that_no_picture_has_are_refused_before_data_is_read(channels, augment):
    config = override(TINY, f"model.channels={channels}", f"data.augment={augment}")
    with pytest.raises(UsageError, match=f"model.channels is {channels}, .* 1 channel .* or 3"):
        data.EXAMPLES.check_dataset(None, config)


def test_a_mean_per_channel_or_one_for_all():
    for mean in ("[1.0]", "[1.0,2.0,3.0]"):
        data.EXAMPLES.check_dataset(
            None, override(TINY, "model.channels=3", f"data.mean={mean}", "data.std=[1.0]")
        )
    with pytest.raises(UsageError, match="data.mean has 3 numbers, and model.channels is 1"):
        data.EXAMPLES.check_dataset(None, override(TINY, "data.mean=[1.0,2.0,3.0]"))


# === RandAugment, MixUp and CutMix ===

MIXED = override(
    TINY,
    *("data.augment=randaugment", "data.mixing=both", "data.batch_size=6"),
    *(
        "data.shuffle_buffer=5",
        "data.randaugment_layers=2",
        "model.image_size=[12, 16]",
        "model.channels=3",
    ),
)


@pytest.fixture(scope="module")
def stored(tmp_path_factory):
    """Thirteen pictures of one colour each, whose red says the class."""
    path = tmp_path_factory.mktemp("pictures") / "a.gz"
    with tf.io.TFRecordWriter(str(path), options="GZIP") as writer:
        for label in range(13):
            pixels = np.full((30, 40, 3), (label * 10, 90, 200), np.uint8)
            feature = {
                "image": tf.train.Feature(bytes_list=tf.train.BytesList(value=[png(pixels)])),
                "label": tf.train.Feature(int64_list=tf.train.Int64List(value=[label % 10])),
            }
            example = tf.train.Example(features=tf.train.Features(feature=feature))
            writer.write(example.SerializeToString())
    return file_records(str(path))


def training(config, stored, **kwargs):
    return TrainingData(registry.get("image_classification"), config, stored).batches(**kwargs)


def test_half_of_a_batch_is_blended_and_half_has_a_box(stored):
    """Without other changes: a picture of one colour that is blended has one colour again."""
    plain = override(MIXED, "data.augment=inception")
    for pictures, shares in training(plain, stored).take(5):
        assert pictures.shape == (6, 12, 16, 3) and shares.shape == (6, 10)
        np.testing.assert_allclose(shares.numpy().sum(1), 1, atol=1e-6)
        assert ((shares.numpy() > 0).sum(1) <= 2).all()
        reds = pictures.numpy()[..., 0] * TINY.data.std[0] + TINY.data.mean[0]
        spread = np.ptp(reds.reshape(6, -1), axis=1)
        assert (spread[:3] < 1e-2).all()  # blended
        for picture, share in zip(reds[3:], shares.numpy()[3:], strict=True):
            values, counts = np.unique(picture.round(1), return_counts=True)
            assert len(values) <= 2  # a box of one in the other
            if len(values) == 2:
                np.testing.assert_allclose(
                    sorted(counts / counts.sum()), sorted(share[share > 0]), atol=1e-4
                )
        blended = (shares.numpy()[:3] * 10 * np.arange(10)).sum(1)
        # Labels 10 to 12 are those of classes 0 to 2 again.
        assert ((reds[:3, 0, 0] - blended) > -0.1).all()


def test_an_augmented_and_mixed_run_goes_on_to_the_last_bit(stored, tmp_path):
    iterator = iter(training(MIXED, stored))
    [next(iterator) for _ in range(3)]
    path = tf.train.Checkpoint(iterator=iterator).write(str(tmp_path / "saved"))
    expected = [next(iterator) for _ in range(4)]
    restored = iter(training(MIXED, stored))
    tf.train.Checkpoint(iterator=restored).read(path).assert_consumed()
    for (picture, share), (wanted, its) in zip(restored, expected, strict=False):
        np.testing.assert_array_equal(picture, wanted)
        np.testing.assert_array_equal(share, its)


def test_evaluation_is_neither_augmented_nor_mixed(stored):
    features = {
        "image": tf.constant(png(np.full((20, 30, 3), (50, 90, 200), np.uint8))),
        "label": tf.constant(4, tf.int64),
    }
    picture, label = data.prepare(features, MIXED, False, tf.constant([1, 2]))
    assert picture.shape == (12, 16, 3) and label == 4
    np.testing.assert_allclose(picture[..., 0], 50 / 127.5 - 1, atol=1e-5)


def test_all_released_presets_have_the_recipe_of_the_released_code():
    for name in ("learned_position_encoding", "fourier_position_encoding", "conv_preprocessing"):
        config = PRESETS[f"imagenet_{name}"].config
        found = config.data
        assert (found.augment, found.randaugment_layers, found.randaugment_magnitude) == (
            *("randaugment", 4, 5.0),
        )
        assert (found.mixing, found.mixup_alpha, config.train.label_smoothing) == ("both", 0.2, 0.1)
        assert data.joined(config) == 2 and data.joined(TINY) == 1
