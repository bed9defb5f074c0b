"""Decoded outputs of several modalities, split in alphabetical order."""

from __future__ import annotations

import numpy as np
import tensorflow as tf

from perceiver_keras.postprocess.audio import AudioPostprocess
from perceiver_keras.postprocess.classification import ClassificationPostprocess
from perceiver_keras.postprocess.multimodal import MultimodalPostprocess

RNG = np.random.default_rng(0)


def test_postprocess_splits_as_preprocess_joins():
    outputs = RNG.normal(size=(2, 4, 5)).astype(np.float32)
    layer = MultimodalPostprocess(
        modalities={
            "label": ClassificationPostprocess(num_classes=9),
            "audio": AudioPostprocess(samples_per_patch=4),
        },
        sizes={"audio": 3, "label": 1},
    )
    results = layer(outputs)
    assert results["audio"].shape == (2, 12) and results["label"].shape == (2, 9)
    own = layer.modalities["label"].linear
    np.testing.assert_allclose(results["label"], own(outputs[:, 3:])[:, 0], atol=1e-6)
    some = layer(outputs[:, 1:], points={"audio": tf.constant([1, 2])})
    np.testing.assert_allclose(some["audio"], results["audio"][:, 4:], atol=1e-6)
    np.testing.assert_allclose(some["label"], results["label"], atol=1e-6)
