"""Checkpoints into real models and out again, bit for bit; a model that differs stays as it was."""

from __future__ import annotations

import numpy as np
import pytest
import tensorflow as tf
from tensorflow import keras

from perceiver_keras.config import (
    DecodeConfig,
    EncodeConfig,
    FourierPosition,
    PixelStem,
    ProcessConfig,
)
from perceiver_keras.convert.checkpoint import to_source
from perceiver_keras.convert.variables import assign, from_model, model_weights
from perceiver_keras.decode import Decode
from perceiver_keras.encode import Encode
from perceiver_keras.errors import PerceiverError
from perceiver_keras.perceiver import Perceiver
from perceiver_keras.postprocess.classification import ClassificationPostprocess
from perceiver_keras.preprocess.image import ImagePreprocess
from perceiver_keras.process import Process
from perceiver_keras.query import LearnedQuery
from tests.convert.trees import assert_same, flat
from tests.parity.fixtures import Fixture

FOURIER = "imagenet_fourier_position_encoding"
PICTURES = np.random.default_rng(2).normal(size=(1, 16, 16, 3)).astype(np.float32)


def classifier(**changes: int) -> Perceiver:
    """The model of the official fixture, or one with other sizes; its weights are random."""
    sizes = {"num_latents": 8, "layers": 2, "classes": 10} | changes
    model = Perceiver(
        preprocess=ImagePreprocess(
            stem=PixelStem(), position=FourierPosition(num_bands=5), name="preprocess"
        ),
        encode=Encode(
            EncodeConfig(num_latents=sizes["num_latents"], latent_dim=32, widening_factor=1),
            name="encode",
        ),
        process=Process(
            ProcessConfig(
                num_blocks=2,
                num_self_attention_layers=sizes["layers"],
                num_self_attention_heads=8,
                widening_factor=1,
            ),
            name="process",
        ),
        query=LearnedQuery(channels=32, name="query"),
        decode=Decode(DecodeConfig(output_dim=sizes["classes"], widening_factor=1), name="decode"),
        postprocess=ClassificationPostprocess(name="postprocess"),
        name="classifier",
    )
    model(PICTURES)
    return model


def test_a_checkpoint_goes_into_a_model_and_out_again():
    fixture = Fixture("deepmind", FOURIER)
    model = classifier()
    assign(model, fixture.checkpoint())
    back = from_model(model)
    assert (back.model, back.source, back.num_layers) == (FOURIER, "deepmind", 2)
    assert back.sizes == fixture.checkpoint().sizes
    raw = {
        "/".join(path): array
        for part in fixture.tree.values()
        for path, array in flat(part).items()
    }
    assert_same(to_source(back, "deepmind"), raw)
    other = classifier()
    assert np.abs(other(PICTURES) - model(PICTURES)).max() > 1e-3
    assign(other, back)
    np.testing.assert_array_equal(other(PICTURES), model(PICTURES))


def test_a_model_remembers_its_extras():
    checkpoint = Fixture("deepmind", FOURIER).checkpoint()
    checkpoint.extras["norm/~/mean_ema/counter"] = np.array(3)
    model = classifier()
    assert from_model(model).extras == {}
    assign(model, checkpoint)
    assert from_model(model).extras == checkpoint.extras


def test_a_model_that_differs_stays_as_it_was():
    model = classifier(num_latents=9, layers=3)
    before = [weight.numpy() for weight in model.weights]
    with pytest.raises(PerceiverError, match="doesn't fit the model classifier") as caught:
        assign(model, Fixture("deepmind", FOURIER).checkpoint())
    lines = str(caught.value).splitlines()[1:]
    assert "! encode/latents [8, 32]: should be [9, 32]" in lines
    missing = [line for line in lines if line.startswith("- process/self_attention_2/")]
    assert len(missing) == 2 + 8 + 2 + 4  # norm, attention, norm, MLP; kernel and bias each
    assert len(lines) == 1 + len(missing)
    for weight, old in zip(model.weights, before, strict=True):
        np.testing.assert_array_equal(weight, old)


class Odd(keras.Model):
    """One layer under two names, and a seed next to its weights."""

    def __init__(self) -> None:
        super().__init__()
        self.first = self.second = keras.layers.Dense(2, name="dense")
        self.seed = self.add_weight("seed", dtype=tf.int64, initializer="zeros", trainable=False)

    def call(self, x):
        return self.second(self.first(x))


def test_weights_are_listed_once_and_without_seeds():
    model = Odd()
    model(np.zeros((1, 2), np.float32))
    assert len(model.weights) == 3
    assert sorted(model_weights(model)) == ["dense/bias", "dense/kernel"]


def test_a_model_of_another_kind_is_not_written():
    model = Odd()
    model(np.zeros((1, 2), np.float32))
    with pytest.raises(PerceiverError, match="do not match any released model"):
        from_model(model)
