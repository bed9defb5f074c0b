"""A label as one element of the array."""

from __future__ import annotations

import numpy as np
import tensorflow as tf

from perceiver_keras.preprocess.label import LabelPreprocess


def test_a_label_is_one_element():
    labels = np.eye(4, dtype=np.float32)[[2, 0]]
    array = LabelPreprocess()(labels)
    assert array.shape == LabelPreprocess().compute_output_shape(labels.shape)
    np.testing.assert_array_equal(tf.squeeze(array, 1), labels)
