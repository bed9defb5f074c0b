"""What is copied from one model to another, what is new, what is interpolated, and what is an error."""

from __future__ import annotations

import dataclasses
import logging
import pickle

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import perceiver_keras as pk
from perceiver_keras.config_tree import override
from perceiver_keras.convert.variables import model_weights
from perceiver_keras.errors import PerceiverError, UsageError
from perceiver_keras.tasks import registry, transfer
from perceiver_keras.tasks.official import read_official
from perceiver_keras.tasks.transfer import Start, plan, resize_grid
from tests.parity.fixtures import Fixture

FOURIER = "imagenet_fourier_position_encoding"
LEARNED = "imagenet_learned_position_encoding"
VIDEO = "video_autoencoding"
HEAD = {"decode/out/kernel", "decode/out/bias"}
SMALL = {"encode__num_latents": 4, "process__num_self_attention_layers": 1}


@pytest.fixture
def official(tmp_path):
    """Released models of small sizes with random weights, as DeepMind's pickles."""

    def of(task):
        path = tmp_path / f"{task}.pystate"
        path.write_bytes(pickle.dumps(Fixture("deepmind", task).tree))
        return path

    return of


def tensors(path):
    return read_official(path).tensors


def copied(model, source):
    ours = model_weights(model)
    return {p for p in ours if p in source and np.array_equal(ours[p].numpy(), source[p])}


def test_a_released_classifier_gets_a_new_head_that_is_named(official, caplog):
    path = official(FOURIER)
    with caplog.at_level(logging.WARNING):
        model = pk.ImageClassifier.from_preset(FOURIER, weights=path, num_classes=5)
    assert "New: decode/out/kernel: [32, 10] there, [32, 5] here" in caplog.text
    source = tensors(path)
    assert model_weights(model).keys() - copied(model, source) <= HEAD
    assert model_weights(model)["decode/out/kernel"].shape == (32, 5)
    assert model.labels is None and model.task_config.model == model.config
    again = pk.ImageClassifier.from_preset(FOURIER, weights=path, num_classes=10)
    assert copied(again, source) == model_weights(again).keys()


def test_another_size_is_not_taken_for_a_head(official):
    path = official(FOURIER)
    for wrong in ({"encode__num_latents": 9}, {"query_dim": 24}, {"encode__latent_dim": 64}):
        with pytest.raises(PerceiverError, match=r"doesn't fit the model: \w+/.* there, .* here"):
            pk.ImageClassifier.from_preset(FOURIER, weights=path, num_classes=5, **wrong)


def test_flow_has_no_head(official):
    path = official("optical_flow")
    size = Fixture("deepmind", "optical_flow").settings["size"]
    model = pk.OpticalFlow.from_preset("optical_flow", weights=path, image_size=size)
    assert copied(model, tensors(path)) == model_weights(model).keys()
    with pytest.raises(PerceiverError, match="! decode/|differ"):
        pk.OpticalFlow.from_preset("optical_flow", weights=path, decode__widening_factor=2)


def test_clips_of_other_classes_keep_the_channels_of_the_array(official):
    """The label is the widest modality of the released model, so its padding must grow when it gets narrower."""
    path, given = official(VIDEO), Fixture("deepmind", VIDEO).settings
    size = {"num_frames": given["frames"], "audio_samples": given["audio"]}
    size["image_size"] = [given["img"]] * 2
    model = pk.MultimodalAutoencoder.from_preset(VIDEO, weights=path, num_classes=3, **size)
    source = tensors(path)
    new = model_weights(model).keys() - copied(model, source)
    assert new == {f"postprocess/label/linear/{x}" for x in ("kernel", "bias")} | {
        "preprocess/label_padding"
    }
    preset = registry.get("multimodal_autoencoding").preset(VIDEO).config.model
    kept = pk.MultimodalAutoencoder.kept(dataclasses.replace(preset, num_classes=5), preset)
    assert kept == {"input_padding": 704 - 401}  # 700 classes + 4; sound has 16 + 2 * 192 + 1


def test_weights_of_ours_from_a_folder_and_a_file(tmp_path):
    model = pk.ImageClassifier.from_preset("tiny", **SMALL)
    model.labels = [f"digit {i}" for i in range(10)]
    folder = model.save_to_preset(tmp_path / "preset")
    model.save_weights(str(tmp_path / "m.weights.h5"))
    source = {path: weight.numpy() for path, weight in model_weights(model).items()}
    tuned = pk.ImageClassifier.from_preset(folder, num_classes=3)
    other = pk.ImageClassifier.from_preset(
        "tiny", weights=tmp_path / "m.weights.h5", num_classes=3, **SMALL
    )
    for one in (tuned, other):
        assert model_weights(one).keys() - copied(one, source) <= HEAD and one.labels is None
    assert pk.ImageClassifier.from_preset(folder).labels == model.labels
    with pytest.raises(UsageError, match="holds a model for image_classification, not for glue"):
        pk.GlueModel.from_preset("tiny", weights=folder)


def test_a_head_for_other_labels_is_new_although_it_fits():
    one, two = (pk.ImageClassifier.from_preset("tiny", **SMALL) for _ in range(2))
    one.labels = list("abcdefghij")
    start = Start.of(one, "one")
    assert not plan(start, two, list("abcdefghij")).new
    assert not plan(start, two, None).new
    renamed = plan(start, two, list("bacdefghij"))
    assert {line.split(":")[0] for line in renamed.new} == HEAD
    assert "for other labels" in str(renamed)


# === Positions ===


@settings(max_examples=25, deadline=None)
@given(
    height=st.integers(8, 20),
    width=st.integers(8, 20),
    up=st.floats(1.0, 2.5),
    across=st.floats(1.0, 2.5),
)
def test_a_smooth_grid_stays_smooth(height, width, up, across):
    """A plane is a plane at any size: away from the border, but for the rounding of TensorFlow's table of weights."""

    def plane(h, w):
        y, x = ((np.arange(n) + 0.5) / n for n in (h, w))
        return (3 * y[:, None] - 2 * x[None]).reshape(h, w, 1)

    to = (round(height * up), round(width * across))
    got = resize_grid(plane(height, width).reshape(-1, 1), (height, width), to).reshape(*to, 1)
    edge = 8
    want = plane(*to)
    np.testing.assert_allclose(got[edge:-edge, edge:-edge], want[edge:-edge, edge:-edge], atol=1e-3)
    assert np.abs(got - want).max() < 5 / min(
        height, width
    )  # less than two places off at the border


def test_the_same_size_is_exact(official):
    path = official(LEARNED)
    same = pk.ImageClassifier.from_preset(LEARNED, weights=path, num_classes=5)
    source = tensors(path)
    assert transfer.POSITION in copied(same, source)
    larger = pk.ImageClassifier.from_preset(
        LEARNED, weights=path, num_classes=5, image_size=(20, 24)
    )
    assert model_weights(larger)[transfer.POSITION].shape[0] == 480
    assert model_weights(larger).keys() - copied(larger, source) <= HEAD | {transfer.POSITION}


def test_fourier_positions_keep_their_frequencies_at_another_size():
    """The same place of a picture, as a share of its sides, has the same features: those of the corners and middle."""
    model = pk.ImageClassifier.from_preset(
        "tiny", **SMALL, stem={"kind": "PixelStem"}, image_size=(9, 9)
    )
    start = Start.of(model, "m")
    assert pk.ImageClassifier.kept(model.config, start.config) == {}
    task = registry.get("image_classification")
    other = override(model.config, "image_size=[17,17]")
    kept = task.model.kept(other, start.config)
    assert kept == {"position__max_resolution": (9, 9)}
    larger = task.model(override(other, "position.max_resolution=[9,9]")).build_all()

    def features(made, side):
        position = made.preprocess.position.of_grid((side, side)).numpy().reshape(side, side, -1)
        return position[:: (side - 1) // 8, :: (side - 1) // 8]

    np.testing.assert_allclose(features(larger, 17), features(model, 9), atol=1e-5)


def test_learned_positions_of_text_are_not_resized():
    texts = [
        pk.MaskedLanguageModel.from_preset("tiny", length=length, **SMALL) for length in (16, 32)
    ]
    with pytest.raises(PerceiverError, match="preprocess/position/embeddings"):
        plan(Start.of(texts[0], "m"), texts[1])
