"""The six released models: the official numbers of parameters, and what is particular to each."""

from __future__ import annotations

import numpy as np
import pytest
import tensorflow as tf
from tensorflow import keras

from perceiver_keras.config import (
    DecodeConfig,
    EncodeConfig,
    FourierPosition,
    PatchStem,
    ProcessConfig,
)
from perceiver_keras.tasks import registry
from perceiver_keras.tasks.language_mlm.model import MaskedLanguageModel
from perceiver_keras.tasks.language_mlm.presets import PRESETS, MaskedLanguageModelConfig
from perceiver_keras.tasks.multimodal_autoencoding.model import MultimodalAutoencoder
from perceiver_keras.tasks.multimodal_autoencoding.presets import MultimodalAutoencoderConfig
from perceiver_keras.tasks.optical_flow.model import OpticalFlow
from perceiver_keras.tasks.optical_flow.presets import OpticalFlowModelConfig
from tests.checks import assert_close

# Counted in the released checkpoints (docs/architecture.md, Released settings).
PARAMETERS = [
    ("language_mlm", "MaskedLanguageModel", "language_mlm_bytes", 201_108_230),
    ("image_classification", "ImageClassifier", "imagenet_learned_position_encoding", 62_255_848),
    ("image_classification", "ImageClassifier", "imagenet_fourier_position_encoding", 48_440_627),
    ("image_classification", "ImageClassifier", "imagenet_conv_preprocessing", 48_646_522),
    ("optical_flow", "OpticalFlow", "optical_flow", 41_057_134),
    ("multimodal_autoencoding", "MultimodalAutoencoder", "video_autoencoding", 19_858_855),
]
SIZES = {
    "encode": EncodeConfig(num_latents=4, latent_dim=16),
    "process": ProcessConfig(num_self_attention_layers=2, num_self_attention_heads=2),
}
RNG = np.random.default_rng(0)


@pytest.mark.parametrize(("task", "class_name", "preset", "parameters"), PARAMETERS)
def test_parameters(task, class_name, preset, parameters):
    home = registry.get(task)
    assert home.model.__name__ == class_name
    with tf.Graph().as_default():  # shapes are enough: no weight is drawn
        model = home.build(home.presets[preset].config).build_all()
    assert sum(w.shape.num_elements() for w in model.trainable_weights) == parameters


@pytest.mark.slow
@pytest.mark.parametrize(
    ("preset", "millions"),
    [("language_mlm_sentencepiece", 223), ("language_mlm_bytes_large", 425)],
)
def test_parameters_of_the_paper(preset, millions):
    with tf.Graph().as_default():
        model = MaskedLanguageModel(PRESETS[preset].config.model).build_all()
    assert abs(model.count_params() / 1e6 - millions) < 1  # the paper cuts or rounds


def language_model(**kwargs) -> MaskedLanguageModel:
    config = MaskedLanguageModelConfig(
        length=12, channels=8, query_dim=8, decode=DecodeConfig(), **SIZES, **kwargs
    )
    return MaskedLanguageModel(config).build_all()


def flow_model(**kwargs) -> OpticalFlow:
    config = OpticalFlowModelConfig(
        image_size=(6, 8),
        stem=PatchStem(temporal_downsample=2, linear_channels=8),
        position=FourierPosition(num_bands=3, max_resolution=(6, 8)),
        decode=DecodeConfig(),
        **SIZES,
        **kwargs,
    )
    return OpticalFlow(config).build_all()


def video_model(**kwargs) -> MultimodalAutoencoder:
    config = MultimodalAutoencoderConfig(
        num_frames=2,
        image_size=(32, 32),
        image_bands=2,
        audio_samples=64,
        audio_bands=3,
        num_classes=5,
        label_query_dim=9,
        mask_probs={"label": 0.5},
        inference_mask_probs={"label": 1.0},
        decode=DecodeConfig(output_dim=10),
        **SIZES,
        **kwargs,
    )
    return MultimodalAutoencoder(config).build_all()


CLIP = {
    "image": RNG.uniform(size=(2, 2, 32, 32, 3)).astype(np.float32),
    "audio": RNG.uniform(-1, 1, (2, 64, 1)).astype(np.float32),
    "label": np.eye(5, dtype=np.float32)[[1, 3]],
}
TEXT = {
    "ids": RNG.integers(6, 262, (2, 12)).astype(np.int32),
    "mask": np.arange(12)[None] < np.array([[7], [12]]),
}
FRAMES = RNG.uniform(-1, 1, (2, 2, 6, 8, 3)).astype(np.float32)


@pytest.mark.parametrize(
    ("make", "inputs"),
    [(language_model, TEXT), (flow_model, FRAMES), (video_model, CLIP)],
    ids=["language", "flow", "video"],
)
def test_saved_whole(make, inputs, tmp_path):
    model = make()
    for weight in model.trainable_weights:  # the head of flow is zero at first
        weight.assign(RNG.normal(size=weight.shape) * 0.3)
    expected = model(inputs)
    model.save(tmp_path / "model.keras")
    loaded = keras.models.load_model(tmp_path / "model.keras")
    assert loaded.config == model.config
    assert_close(loaded(inputs), expected)


def test_a_short_text_equals_the_same_text_padded():
    model = language_model()
    padded = model(TEXT)[0, :7]
    short = model(tf.constant(TEXT["ids"][:1, :7]))[0]
    assert_close(short, padded)


def test_padding_sees_nothing_but_in_the_port():
    official, port = language_model(), language_model(mask_queries=False)
    port.set_weights(official.get_weights())
    assert_close(port(TEXT)[0, :7], official(TEXT)[0, :7])
    assert np.abs(port(TEXT)[0, 7:] - official(TEXT)[0, 7:]).max() > 1e-3


def test_flow_starts_at_zero_and_takes_other_sizes():
    model = flow_model()
    assert not model(FRAMES).numpy().any()
    model.decode.out.kernel.assign(RNG.normal(size=(model.decode.out.kernel.shape)))
    flow = model(np.concatenate([FRAMES, FRAMES], axis=2))
    assert flow.shape == (2, 12, 8, 2) and flow.numpy().any()
    one = tf.function(model, input_signature=[tf.TensorSpec((None, 2, None, None, 3))])
    assert_close(one(FRAMES), model(FRAMES))


def test_a_clip_decoded_whole_in_chunks_and_at_points():
    """All are from one encode and give the same numbers."""
    whole, chunked = video_model(), video_model(attention_memory_mb=1)
    chunked.set_weights(whole.get_weights())
    outputs = whole(CLIP)
    assert outputs["image"].shape == (2, 2, 32, 32, 3) and outputs["audio"].shape == (2, 64)
    assert_close(chunked(CLIP), outputs)
    assert_close(tf.function(chunked)(CLIP), outputs)
    points = {"image": tf.constant([5, 2047, 1024]), "audio": tf.constant([3])}
    some = whole(CLIP, points=points)
    pixels = tf.reshape(outputs["image"], [2, 2048, 3])
    assert_close(some["image"], tf.gather(pixels, points["image"], axis=1))
    assert_close(some["audio"], outputs["audio"][:, 48:])
    assert_close(some["label"], outputs["label"])


def test_the_label_is_hidden_at_inference():
    model = video_model()
    other = CLIP | {"label": CLIP["label"][::-1]}
    assert_close(model(other), model(CLIP))
    points = {"image": tf.constant([0]), "audio": tf.constant([0])}
    trained = [model(CLIP, points=points, training=True)["label"] for _ in range(8)]
    assert any(
        np.abs(t - trained[0]).max() > 1e-4 for t in trained
    )  # sometimes seen, sometimes not
