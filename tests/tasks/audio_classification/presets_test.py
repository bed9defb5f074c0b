"""Settings of audio classification against the paper's sizes and the data set that they name."""

from __future__ import annotations

import pytest
import tensorflow as tf

from perceiver_keras.data.builders.perceiver_sounds import (
    perceiver_sounds_dataset_builder as builder,
)
from perceiver_keras.tasks.audio_classification.model import AudioClassifier, input_spec
from perceiver_keras.tasks.audio_classification.presets import PRESETS, TINY


@pytest.mark.parametrize(
    "preset, elements, millions", [("audioset_raw", 13_024, 25.0), ("audioset_mel", 17_344, 88.2)]
)
def test_sizes_are_the_paper_s(preset, elements, millions):
    """Tab. 5 and 10: the array's elements and channels, and the parameters."""
    with tf.Graph().as_default():  # shapes are enough: no weight is drawn
        model = AudioClassifier(PRESETS[preset].config.model).build_all()
    assert abs(model.count_params() / 1e6 - millions) < 0.05
    spec = input_spec(model.config)
    parts = model.preprocess.modalities
    shapes = {n: parts[n].compute_output_shape((1, *spec[n].shape)) for n in parts}
    assert sum(shape[1] for shape in shapes.values()) == elements
    assert max(shape[2] for shape in shapes.values()) + model.config.input_padding == 487


def test_kinds_of_the_data_set_fit_the_preset():
    assert len(builder.KINDS) == TINY.model.num_classes
    assert TINY.data.max_labels == builder.MOST


def test_sound_and_video_last_equally_long():
    """32 frames at 25 per second are 1.28 s (paper, App. C)."""
    for name in ("audioset_raw", "audioset_mel"):
        m = PRESETS[name].config.model
        assert m.num_samples / m.sample_rate == m.film.num_frames / 25 == 1.28
