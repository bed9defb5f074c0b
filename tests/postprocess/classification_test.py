from __future__ import annotations

import numpy as np
import tensorflow as tf
from tensorflow import keras

from perceiver_keras.postprocess.classification import ClassificationPostprocess

OUTPUTS = np.random.default_rng(0).normal(size=(2, 3, 5)).astype(np.float32)


def test_the_first_output_is_the_logits():
    np.testing.assert_array_equal(ClassificationPostprocess()(OUTPUTS), OUTPUTS[:, 0])


def test_a_linear_where_the_decoder_has_none():
    layer = ClassificationPostprocess(num_classes=4)
    logits = layer(OUTPUTS)
    kernel, bias = layer.get_weights()
    np.testing.assert_allclose(logits, OUTPUTS[:, 0] @ kernel + bias, atol=1e-5)


def test_logits_are_float32_in_mixed_precision():
    keras.mixed_precision.set_global_policy("mixed_bfloat16")
    assert ClassificationPostprocess(num_classes=4)(OUTPUTS).dtype == tf.float32
