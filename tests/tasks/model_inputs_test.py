"""Names, types and shapes of a call, compared to what the model takes."""

from __future__ import annotations

import numpy as np
import pytest
import tensorflow as tf

from perceiver_keras.errors import UsageError
from perceiver_keras.tasks.model_inputs import check

NONE, GRID = slice(0), slice(1, 3)
PICTURE = tf.TensorSpec([None, 8, 6, 3])
TEXT = {"ids": tf.TensorSpec([None, 64], tf.int32), "mask": tf.TensorSpec([None, 64], tf.bool)}


@pytest.mark.parametrize(
    ("given", "takes", "free_axes"),
    [
        (np.zeros([2, 8, 6, 3]), PICTURE, NONE),
        (np.zeros([2, 5, 9, 3]), PICTURE, GRID),
        (np.zeros([0, 8, 6, 3], np.uint8), PICTURE, NONE),
        (tf.TensorSpec([None, None, None, None]), PICTURE, NONE),
        (tf.TensorSpec(None), PICTURE, NONE),
        ([[1, 2]], PICTURE, NONE),
        ({"ids": np.zeros([2, 9]), "mask": None, "more": "x"}, TEXT, GRID),
        ({"ids": np.zeros([2, 64]), "mask": np.zeros([2, 64], bool)}, TEXT, NONE),
    ],
)
def test_what_fits_or_is_not_known_passes(given, takes, free_axes):
    check("Model", given, takes, free_axes)


@pytest.mark.parametrize(
    ("given", "takes", "free_axes", "says"),
    [
        (np.zeros([2, 8, 6]), PICTURE, GRID, "Model takes [B, 8, 6, 3]; got the shape (2, 8, 6)."),
        (np.zeros([2, 8, 6, 1]), PICTURE, GRID, "takes [B, 8, 6, 3]; got the shape (2, 8, 6, 1)."),
        (np.zeros([2, 5, 6, 3]), PICTURE, NONE, "takes [B, 8, 6, 3]; got the shape (2, 5, 6, 3)."),
        (
            tf.TensorSpec([None, None, None, 1]),
            PICTURE,
            GRID,
            "got the shape (None, None, None, 1).",
        ),
        (np.array([["a"]]), PICTURE, GRID, "Model takes numbers; got text."),
        (
            np.zeros([2, 64]),
            TEXT,
            GRID,
            "a dictionary of 'ids' [B, 64], 'mask' [B, 64]; got ndarray.",
        ),
        ({"ids": np.zeros([2, 64])}, TEXT, GRID, "'mask' [B, 64]; got no 'mask'."),
        (
            {"ids": np.zeros([64]), "mask": None},
            TEXT,
            GRID,
            "takes 'ids' [B, 64]; got the shape (64,).",
        ),
        (
            {"ids": tf.constant(["a"]), "mask": None},
            TEXT,
            GRID,
            "takes numbers as 'ids'; got text.",
        ),
    ],
)
def test_what_does_not_fit_is_told_with_what_would(given, takes, free_axes, says):
    with pytest.raises(UsageError) as caught:
        check("Model", given, takes, free_axes)
    assert says in str(caught.value)
