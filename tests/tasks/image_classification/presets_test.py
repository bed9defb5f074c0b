"""Settings of image classification against the paper and the data set that they name."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
import tensorflow as tf

from perceiver_keras.data.builders.perceiver_digits import (
    perceiver_digits_dataset_builder as digits,
)
from perceiver_keras.tasks.image_classification.model import ImageClassifier
from perceiver_keras.tasks.image_classification.presets import PRESETS, TINY


def test_large_presets_differ_only_where_the_paper_says():
    learned, fourier = (
        PRESETS[f"imagenet_{kind}_position_encoding"].config.model
        for kind in ("learned", "fourier")
    )
    assert not learned.decode.use_query_residual and fourier.decode.use_query_residual
    assert (
        dataclasses.replace(
            learned, stem=fourier.stem, position=fourier.position, decode=fourier.decode
        )
        == fourier
    )


def test_imagenet_is_trained_for_110_epochs():
    for name in ("learned_position_encoding", "fourier_position_encoding", "conv_preprocessing"):
        config = PRESETS[f"imagenet_{name}"].config
        assert config.train.steps == 110 * 1_281_167 // config.data.batch_size


@pytest.mark.parametrize(
    ("preset", "millions"),
    [("imagenet_b_fourier_position_encoding", 212.0), ("imagenet_b_conv_preprocessing", 212.2)],
)
def test_configuration_b_has_the_paper_s_parameters(preset, millions):
    """Tab. 7 says 212M. Configuration A's exact numbers are in released_models_test.py."""
    with tf.Graph().as_default():  # shapes are enough: no weight is drawn
        model = ImageClassifier(PRESETS[preset].config.model).build_all()
    parameters = sum(w.shape.num_elements() for w in model.trainable_weights)
    assert abs(parameters / 1e6 - millions) < 0.05


def test_tiny_has_the_sizes_of_its_data_set(tmp_path):
    features = digits.Builder(data_dir=str(tmp_path)).info.features
    assert features["image"].shape == (*TINY.model.image_size, TINY.model.channels)
    assert features["label"].num_classes == TINY.model.num_classes
    ends = (np.array([0, 255]) - TINY.data.mean) / TINY.data.std
    np.testing.assert_array_equal(ends, [-1, 1])
