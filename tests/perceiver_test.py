"""The composition of the stages, on the smallest sizes."""

from __future__ import annotations

import numpy as np
import tensorflow as tf

from perceiver_keras.config import (
    DecodeConfig,
    EncodeConfig,
    FourierPosition,
    PixelStem,
    ProcessConfig,
)
from perceiver_keras.decode import Decode
from perceiver_keras.encode import Encode
from perceiver_keras.layers.linear import weights_by_path
from perceiver_keras.perceiver import Perceiver
from perceiver_keras.postprocess.classification import ClassificationPostprocess
from perceiver_keras.preprocess.image import ImagePreprocess
from perceiver_keras.process import Process
from perceiver_keras.query import LearnedQuery
from tests.checks import assert_close

PICTURES = np.random.default_rng(0).normal(size=(2, 5, 6, 3)).astype(np.float32)


def perceiver() -> Perceiver:
    return Perceiver(
        preprocess=ImagePreprocess(
            stem=PixelStem(), position=FourierPosition(num_bands=2), name="preprocess"
        ),
        encode=Encode(EncodeConfig(num_latents=4, latent_dim=8), name="encode"),
        process=Process(
            ProcessConfig(num_self_attention_layers=2, num_self_attention_heads=2, num_blocks=2),
            name="process",
        ),
        query=LearnedQuery(channels=8, name="query"),
        decode=Decode(DecodeConfig(output_dim=3), name="decode"),
        postprocess=ClassificationPostprocess(name="postprocess"),
    )


def test_stages_in_order():
    model = perceiver()
    logits = model(PICTURES)
    array = model.preprocess(PICTURES)
    latents = model.process(model.encode(array))
    expected = model.decode((model.query(array), latents))[:, 0]
    assert_close(logits, expected)


def test_attention_maps_of_all_stages():
    model = perceiver()
    logits, maps = model(PICTURES, return_attention=True)
    assert_close(logits, model(PICTURES))
    assert maps["encode"].shape == (2, 1, 4, 30)
    assert [m.shape for m in maps["process"]] == [(2, 2, 4, 4)] * 4
    assert maps["decode"].shape == (2, 1, 1, 4)


def test_masked_elements_do_not_matter():
    model = perceiver()
    mask = np.ones((2, 30), bool)
    mask[:, :6] = False  # the first row
    changed = PICTURES.copy()
    changed[:, 0] = 9.0
    assert_close(model(changed, mask=mask), model(PICTURES, mask=mask))
    assert np.abs(model(changed) - model(PICTURES)).max() > 1e-3


def test_paths_are_the_documented_ones():
    """Converters and checkpoints know weights by these names."""
    model = perceiver()
    model(PICTURES)
    paths = list(weights_by_path(model))
    assert len(paths) == len(model.weights)
    for path in (
        "encode/latents",
        "encode/cross_attention/query_norm/scale",
        "encode/cross_attention/key_value_norm/offset",
        "encode/cross_attention/attention/query/kernel",
        "encode/cross_attention/mlp_norm/scale",
        "encode/cross_attention/mlp/expand/bias",
        "process/self_attention_1/norm/scale",
        "process/self_attention_1/attention/out/bias",
        "process/self_attention_0/mlp/contract/kernel",
        "query/embeddings",
        "decode/cross_attention/attention/value/kernel",
        "decode/out/kernel",
    ):
        assert path in paths


def test_fit_predict_evaluate():
    model = perceiver()
    model.compile(
        optimizer=tf.keras.optimizers.Adam(1e-2),
        loss=tf.keras.losses.SparseCategoricalCrossentropy(from_logits=True),
    )
    labels = np.array([0, 2])
    before = model.evaluate(PICTURES, labels, verbose=0)
    model.fit(PICTURES, labels, epochs=5, verbose=0)
    assert model.evaluate(PICTURES, labels, verbose=0) < before
    assert model.predict(PICTURES, verbose=0).shape == (2, 3)
