"""What a `PerceiverIO` is given, checked one thing at a time."""

from __future__ import annotations

import numpy as np
import pytest
import tensorflow as tf

from perceiver_keras.errors import UsageError
from perceiver_keras.perceiver_io_checks import (
    array_of,
    flat_mask,
    mask_of,
    whole,
)


@pytest.mark.parametrize("value", [1, 7, np.int64(3)])
def test_whole_numbers(value):
    whole("size", value)


@pytest.mark.parametrize("value", [0, -1, 1.0, True, "3", None])
def test_what_is_no_whole_number(value):
    with pytest.raises(UsageError, match=r"^size: expected a whole number from 1 on; got "):
        whole("size", value)


@pytest.mark.parametrize("value", [[[[1, 2]]], np.zeros([1, 2, 3]), tf.zeros([2, 2, 2], tf.uint8)])
def test_arrays_lists_and_tensors_become_tensors_of_the_same_numbers(value):
    found = array_of("inputs", value)
    assert tf.is_tensor(found)
    np.testing.assert_array_equal(found, value)


@pytest.mark.parametrize(
    ("value", "says"),
    [
        ([[[1.0], [2.0]], [[1.0]]], "expected an array [B, ..., C]; got lists of different length"),
        (tf.ragged.constant([[[1.0]], []]), "got a RaggedTensor, which to_tensor() makes one."),
        (tf.sparse.eye(3), "got a SparseTensor, which tf.sparse.to_dense makes one."),
        ([tf.zeros([2, 3, 4])], "expected one array [B, ..., C]; got a list of 1. Give the array"),
        (None, "expected numbers; got NoneType."),
        (np.array([[["a"]]]), "expected numbers; got an array of string."),
    ],
    ids=["lengths", "ragged", "sparse", "list", "none", "text"],
)
def test_what_is_no_array_of_numbers_is_named(value, says):
    with pytest.raises(UsageError) as caught:
        array_of("inputs", value)
    assert str(caught.value).startswith("inputs: ") and says in str(caught.value)


def test_a_list_of_examples_is_their_batch():
    np.testing.assert_array_equal(array_of("x", [tf.ones([3, 4])] * 2), np.ones([2, 3, 4]))


@pytest.mark.parametrize("mask", [[[1], [1, 0]], [["a", ""]] * 2, np.array(None)], ids=str)
def test_what_is_no_mask_is_named(mask):
    with pytest.raises(UsageError, match=r"^mask: expected "):
        flat_mask("mask", mask, tf.zeros([2, 2, 4]))


def test_a_mask_of_the_grid_is_flattened_in_row_major_order():
    mask = np.arange(12).reshape(2, 2, 3) % 5 != 0
    found = flat_mask("mask", mask.astype(np.float32), tf.zeros([2, 2, 3, 4]))
    assert found.dtype == tf.bool
    np.testing.assert_array_equal(found, mask.reshape(2, 6))
    assert flat_mask("mask", None, tf.zeros([2, 2, 3, 4])) is None


@pytest.mark.parametrize("shape", [(2, 5), (3, 6), (2, 3, 2), (6,)])
def test_a_mask_of_another_shape_is_named(shape):
    with pytest.raises(UsageError, match=r"^mask: expected the shape \(2, 2, 3\); got "):
        flat_mask("mask", np.ones(shape), tf.zeros([2, 2, 3, 4]))


def test_the_mask_of_the_inputs_among_several():
    assert mask_of({"inputs": 1, "queries": None}) == 1
    assert mask_of(None) is None
