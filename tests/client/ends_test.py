"""Values of any kind as the arrays that a signature takes, held against TensorFlow's own types and shapes."""

from __future__ import annotations

import numpy as np
import pytest
import tensorflow as tf
from hypothesis import given
from hypothesis import strategies as st
from tensorflow.core.framework import types_pb2

from perceiver_keras.client.ends import DTYPES, End, arrays_of
from perceiver_keras.errors import UsageError

SIDES = st.integers(0, 3)


def test_types_are_tensorflows() -> None:
    for name, dtype in DTYPES.items():
        assert tf.dtypes.as_dtype(types_pb2.DataType.Value(name)).as_numpy_dtype == dtype


@given(st.none() | st.lists(st.none() | SIDES, max_size=3), st.lists(SIDES, max_size=3))
def test_shapes_fit_as_in_tensorflow(wanted: list | None, given_shape: list) -> None:
    end = End(np.dtype(np.float32), None if wanted is None else tuple(wanted))
    fits = tf.TensorSpec(wanted, tf.float32).shape.is_compatible_with(given_shape)
    assert end.fits(tuple(given_shape)) == fits
    values = np.ones(given_shape, np.float64)
    if fits:
        made = arrays_of("s", {"x": end}, {"x": values})["x"]
        assert made.dtype == np.float32 and made.shape == tuple(given_shape)
    else:
        with pytest.raises(UsageError, match="got the shape"):
            arrays_of("s", {"x": end}, {"x": values})


@given(st.lists(st.binary() | st.text(st.characters(exclude_categories=["Cs"]))))
def test_strings_are_their_bytes(items: list) -> None:
    made = arrays_of("s", {"x": End(np.dtype(object), (None,))}, {"x": items})["x"]
    assert made.tolist() == [i.encode() if isinstance(i, str) else i for i in items]


def test_tensors_are_taken() -> None:
    ends = {"x": End(np.dtype(np.int64), (None,)), "t": End(np.dtype(object), (None,))}
    made = arrays_of("s", ends, {"x": tf.constant([1, 2]), "t": tf.constant([b"a\0"])})
    assert made["x"].tolist() == [1, 2] and made["t"].tolist() == [b"a\0"]


@pytest.mark.parametrize(
    ("inputs", "words"),
    [
        ({"x": [1], "y": [1]}, "no input 'y'. Choose one of: t, x."),
        ({"x": [1]}, "s needs t too."),
        ({"x": [1.5], "t": ["a"]}, "s's input 'x': expected int32 [any], got float64."),
        ({"x": [1], "t": [1]}, "expected string [any], got int."),
        ({"x": [1], "t": ["\ud800"]}, "half of a surrogate pair"),
        ({"x": [[1], [1, 2]], "t": [""]}, "got a ragged list"),
    ],
)
def test_wrong_inputs_are_named(inputs: dict, words: str) -> None:
    ends = {"x": End(np.dtype(np.int32), (None,)), "t": End(np.dtype(object), (None,))}
    with pytest.raises(UsageError) as caught:
        arrays_of("s", ends, inputs)
    assert words in str(caught.value)
