"""Outputs on the grid of what they are outputs for."""

from __future__ import annotations

import numpy as np
import pytest
import tensorflow as tf

from perceiver_keras.errors import UsageError
from perceiver_keras.postprocess.array import ArrayPostprocess

OUTPUTS = np.arange(2 * 6 * 3, dtype=np.float32).reshape(2, 6, 3)


@pytest.mark.parametrize(
    ("like", "expected"),
    [
        ("one", OUTPUTS[:, 0]),
        ("list", OUTPUTS),
        ("inputs", OUTPUTS.reshape(2, 2, 3, 3)),
        ("queries", OUTPUTS.reshape(2, 3, 1, 2, 3)),
    ],
)
def test_the_shape_is_that_of_what_was_asked_for(like, expected):
    layer = ArrayPostprocess(like=like)
    inputs, queries = tf.zeros([2, 2, 3, 5]), tf.zeros([2, 3, 1, 2, 7])
    found = layer(tf.constant(OUTPUTS, tf.bfloat16), inputs=inputs, points=queries)
    assert found.dtype == tf.float32
    np.testing.assert_array_equal(found, expected)


def test_another_word_is_named():
    with pytest.raises(UsageError, match="like: expected one of one, list, inputs, queries"):
        ArrayPostprocess(like="grid")
