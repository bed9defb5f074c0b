"""Settings of multimodal autoencoding against the paper and the data set that they name."""

from __future__ import annotations

import dataclasses

from perceiver_keras.data.builders.perceiver_clips import perceiver_clips_dataset_builder as builder
from perceiver_keras.tasks.multimodal_autoencoding.model import MultimodalAutoencoder
from perceiver_keras.tasks.multimodal_autoencoding.presets import PRESETS, TINY, ClipTrain


def test_the_released_model_reads_52_097_elements_of_704_channels():
    """docs/architecture.md, Released settings: image, audio and label, padded to a common width."""
    model = MultimodalAutoencoder(PRESETS["video_autoencoding"].config.model)
    inputs = {name: tuple(value.shape) for name, value in model.symbolic_inputs().items()}
    parts = model.preprocess.modalities
    shapes = {name: parts[name].compute_output_shape(inputs[name]) for name in parts}
    assert {name: shape[1] for name, shape in shapes.items()} == {
        "audio": 30_720 // 16,
        "image": 16 * (224 // 4) ** 2,
        "label": 1,
    }
    assert sum(shape[1] for shape in shapes.values()) == 52_097
    assert max(shape[2] for shape in shapes.values()) + model.config.input_padding == 704


def test_the_paper_s_weights_are_the_defaults():
    """App. I: 0.03 for video, 1 for audio, 0.0001 for the label."""
    paper = {"image_weight": 0.03, "audio_weight": 1.0, "label_weight": 0.0001}
    train = dataclasses.asdict(PRESETS["video_autoencoding"].config.train)
    assert {name: train[name] for name in paper} == paper
    assert isinstance(PRESETS["tiny"].config.train, ClipTrain)


def test_tiny_has_the_sizes_of_its_data_set():
    m, stored = TINY.model, builder.ClipsConfig(name="shapes")
    assert (m.num_frames, m.image_size) == (stored.frames, (stored.side, stored.side))
    assert m.audio_samples == stored.frames * builder.SAMPLES
    assert m.num_classes == len(builder.SHAPES)
