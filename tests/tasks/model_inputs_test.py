"""Names, types and shapes of a call, compared to what the model takes."""

from __future__ import annotations

import numpy as np
import pytest
import tensorflow as tf

from perceiver_keras.errors import UsageError
from perceiver_keras.tasks.model_inputs import check

PICTURE = tf.TensorSpec([None, 8, 6, 3])
TEXT = {"ids": tf.TensorSpec([None, 64], tf.int32), "mask": tf.TensorSpec([None, 64], tf.bool)}


@pytest.mark.parametrize(
    ("given", "takes", "any_grid"),
    [
        (np.zeros([2, 8, 6, 3]), PICTURE, False),
        (np.zeros([2, 5, 9, 3]), PICTURE, True),
        (np.zeros([0, 8, 6, 3], np.uint8), PICTURE, False),
        (tf.TensorSpec([None, None, None, None]), PICTURE, False),
        (tf.TensorSpec(None), PICTURE, False),
        ([[1, 2]], PICTURE, False),
        ({"ids": np.zeros([2, 9]), "mask": None, "more": "x"}, TEXT, True),
        ({"ids": np.zeros([2, 64]), "mask": np.zeros([2, 64], bool)}, TEXT, False),
    ],
)
def test_what_fits_or_is_not_known_passes(given, takes, any_grid):
    check("Model", given, takes, any_grid)


@pytest.mark.parametrize(
    ("given", "takes", "any_grid", "says"),
    [
        (np.zeros([2, 8, 6]), PICTURE, True, "Model takes [B, 8, 6, 3]; got the shape (2, 8, 6)."),
        (np.zeros([2, 8, 6, 1]), PICTURE, True, "takes [B, 8, 6, 3]; got the shape (2, 8, 6, 1)."),
        (np.zeros([2, 5, 6, 3]), PICTURE, False, "takes [B, 8, 6, 3]; got the shape (2, 5, 6, 3)."),
        (
            tf.TensorSpec([None, None, None, 1]),
            PICTURE,
            True,
            "got the shape (None, None, None, 1).",
        ),
        (np.array([["a"]]), PICTURE, True, "Model takes numbers; got text."),
        (
            np.zeros([2, 64]),
            TEXT,
            True,
            "a dictionary of 'ids' [B, 64], 'mask' [B, 64]; got ndarray.",
        ),
        ({"ids": np.zeros([2, 64])}, TEXT, True, "'mask' [B, 64]; got no 'mask'."),
        (
            {"ids": np.zeros([64]), "mask": None},
            TEXT,
            True,
            "takes 'ids' [B, 64]; got the shape (64,).",
        ),
        (
            {"ids": tf.constant(["a"]), "mask": None},
            TEXT,
            True,
            "takes numbers as 'ids'; got text.",
        ),
    ],
)
def test_what_does_not_fit_is_told_with_what_would(given, takes, any_grid, says):
    with pytest.raises(UsageError) as caught:
        check("Model", given, takes, any_grid)
    assert says in str(caught.value)
