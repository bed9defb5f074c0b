"""Logits by the embeddings of the input."""

from __future__ import annotations

import numpy as np

from perceiver_keras.postprocess.text import TextPostprocess
from perceiver_keras.preprocess.text import TextPreprocess

IDS = np.array([[3, 1, 4, 1], [5, 9, 2, 6]], np.int32)


def test_logits_are_tied_to_the_embeddings():
    text = TextPreprocess(vocabulary=10, length=6, channels=4)
    text(IDS)
    layer = TextPostprocess(embedding=text)
    outputs = np.random.default_rng(0).normal(size=(2, 3, 4)).astype(np.float32)
    layer(outputs)
    layer.bias.assign(np.arange(10.0))
    for scale in (1.0, 2.0):
        text.embeddings.assign(text.embeddings * scale)
        expected = outputs @ text.embeddings.numpy().T + np.arange(10.0)
        np.testing.assert_allclose(layer(outputs), expected, atol=1e-5)
