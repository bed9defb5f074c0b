"""Raw pictures of any size and colour to named tensors."""

from __future__ import annotations

import numpy as np
import pytest

from perceiver_keras.tasks.image_classification import serve
from perceiver_keras.tasks.image_classification.model import ImageClassifier
from perceiver_keras.tasks.image_classification.predict import pack
from perceiver_keras.tasks.image_classification.presets import TINY
from tests.tasks.image_classification.pictures import png

RNG = np.random.default_rng(0)


@pytest.fixture(scope="module")
def model():
    return ImageClassifier.from_preset("tiny")


def test_serving_raw_pictures_equals_calling_the_model(model):
    pictures = [RNG.integers(0, 256, (8, 8)).astype(np.uint8) for _ in range(3)]
    raw = pack([png(p) for p in pictures])
    outputs = serve.serve(model, raw, TINY, [f"class {i}" for i in range(10)])
    logits = model(np.stack(pictures)[..., None].astype(np.float32) / 127.5 - 1).numpy()
    exact = np.exp(logits.astype(np.float64))
    exact /= exact.sum(-1, keepdims=True)
    np.testing.assert_allclose(outputs["probabilities"], exact, rtol=1e-5)
    expected = [f"class {i}".encode() for i in exact.argmax(-1)]
    assert list(outputs["label"].numpy()) == expected


def test_colour_and_other_sizes_are_brought_to_the_model_s(model):
    grey = RNG.integers(0, 256, (8, 8)).astype(np.uint8)
    twice = np.kron(grey, np.ones((2, 2), np.uint8))  # bilinear halving takes it back
    same = [png(picture) for picture in (grey, np.repeat(grey[..., None], 3, -1), twice)]
    outputs = serve.serve(model, pack([*same, png(np.zeros((31, 17, 3), np.uint8))]), TINY, None)
    first, colour, large, other = outputs["probabilities"].numpy()
    np.testing.assert_allclose(colour, first, atol=1e-6)
    np.testing.assert_allclose(large, first, atol=1e-6)
    assert other.sum() == pytest.approx(1, abs=1e-5)


def test_classes_without_names_are_their_numbers(model):
    outputs = serve.serve(model, pack([png(np.zeros((8, 8), np.uint8))]), TINY, None)
    assert int(outputs["label"][0].numpy()) == outputs["probabilities"][0].numpy().argmax()
