"""Tensors on the wire, against TensorFlow's own reading and writing of them."""

from __future__ import annotations

import numpy as np
import pytest
import tensorflow as tf
from google.protobuf.internal.encoder import _VarintBytes as encode_varint
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from tensorflow.core.framework import tensor_pb2

from perceiver_keras.server.status import Code, ServingError
from perceiver_keras.server.tensors import proto_of, to_array

MANY = 1 << 20
KINDS = ("f2", "f4", "f8", "i1", "i2", "i4", "i8", "u1", "u2", "u4", "u8", "?", "c8")
NUMBERS = hnp.arrays(
    st.sampled_from(KINDS), hnp.array_shapes(min_dims=0, max_dims=3, min_side=0, max_side=3)
)


@settings(max_examples=60)
@given(NUMBERS)
def test_numbers_go_both_ways_as_tensorflow_has_them(array) -> None:
    dtype = tf.as_dtype(array.dtype).as_datatype_enum
    np.testing.assert_array_equal(tf.make_ndarray(proto_of(array)), array)
    for theirs in (tf.make_tensor_proto(array), proto_of(array)):
        ours = to_array(theirs, "x", dtype, MANY)
        assert ours.dtype == array.dtype
        np.testing.assert_array_equal(ours, array)


@settings(max_examples=30)
@given(
    hnp.arrays(
        object, hnp.array_shapes(max_dims=2, min_side=0, max_side=3), elements=st.binary(max_size=4)
    )
)
def test_strings_are_bytes(array) -> None:
    ours = to_array(proto_of(array), "x", tf.string.as_datatype_enum, MANY)
    assert ours.shape == array.shape and ours.ravel().tolist() == array.ravel().tolist()
    theirs = tf.make_ndarray(proto_of(array))
    assert theirs.ravel().tolist() == array.ravel().tolist()


def proto(kind=tf.float32, shape=(2,), **fields) -> tensor_pb2.TensorProto:
    made = tensor_pb2.TensorProto(dtype=kind.as_datatype_enum, **fields)
    for side in shape:
        made.tensor_shape.dim.add(size=side)
    return made


def test_fewer_values_than_elements_repeat_the_last() -> None:
    read = lambda p, kind: to_array(p, "x", kind.as_datatype_enum, MANY).tolist()  # noqa: E731
    assert read(proto(shape=(4,), float_val=[1, 2]), tf.float32) == [1, 2, 2, 2]
    assert read(proto(shape=(2, 1)), tf.float32) == [[0], [0]]
    assert read(proto(tf.string, string_val=[b"a"]), tf.string) == [b"a", b"a"]
    assert read(proto(tf.string), tf.string) == [b"", b""]


def test_a_type_that_tensorflow_lacks_is_refused() -> None:
    for number in (0, 999):
        made = tensor_pb2.TensorProto()
        made.ParseFromString(b"\x08" + encode_varint(number))
        with pytest.raises(ServingError, match="can't have values of the type") as caught:
            to_array(made, "x", number, MANY)
        assert caught.value.code == Code.INVALID_ARGUMENT


def test_a_few_bytes_do_not_make_millions_of_strings() -> None:
    most = 131_072  # docs/serving.md
    for sent in ([], [b"a"]):
        made = proto(tf.string, (len(sent) + most,), string_val=sent)
        assert len(to_array(made, "x", tf.string.as_datatype_enum, 1 << 24)) == len(sent) + most
        made = proto(tf.string, (len(sent) + most + 1,), string_val=sent)
        with pytest.raises(ServingError, match="at most 131072 may be left out") as caught:
            to_array(made, "x", tf.string.as_datatype_enum, 1 << 24)
        assert caught.value.code == Code.RESOURCE_EXHAUSTED


def test_a_byte_that_is_no_bool_becomes_one() -> None:
    array = to_array(proto(tf.bool, tensor_content=b"\x00\x07"), "x", tf.bool.as_datatype_enum, 9)
    assert array.tobytes() == b"\x00\x01"


@pytest.mark.parametrize(
    ("made", "kind", "code", "words"),
    [
        (proto(), tf.int32, Code.INVALID_ARGUMENT, "to be int32 but float is provided"),
        (proto(tensor_content=b"123"), tf.float32, Code.INVALID_ARGUMENT, "has 3 bytes"),
        (
            proto(float_val=[1, 2, 3]),
            tf.float32,
            Code.INVALID_ARGUMENT,
            "3 values for the shape [2]",
        ),
        (proto(shape=(-1,)), tf.float32, Code.INVALID_ARGUMENT, "must be known"),
        (proto(shape=(1,) * 40), tf.float32, Code.INVALID_ARGUMENT, "at most 32 axes"),
        (proto(shape=(1 << 62, 1 << 62)), tf.float32, Code.RESOURCE_EXHAUSTED, "larger than"),
        (proto(shape=(1 << 62, 1 << 62, 0)), tf.float32, Code.INVALID_ARGUMENT, "no tensor has"),
        (proto(shape=(1 << 40, 0)), tf.float32, Code.RESOURCE_EXHAUSTED, "larger than"),
        (proto(tf.variant), tf.variant, Code.INVALID_ARGUMENT, "the type variant"),
        (proto(tf.resource), tf.resource, Code.INVALID_ARGUMENT, "input x"),
        (proto(tf.string, (1 << 40,)), tf.string, Code.RESOURCE_EXHAUSTED, "larger than"),
        (
            proto(tf.uint8, int_val=[1, 256]),
            tf.uint8,
            Code.INVALID_ARGUMENT,
            "out of range for uint8",
        ),
        (proto(tf.string, tensor_content=b"a"), tf.string, Code.INVALID_ARGUMENT, "string_val"),
    ],
)
def test_what_is_no_tensor_of_the_type_is_refused(made, kind, code, words) -> None:
    with pytest.raises(ServingError) as caught:
        to_array(made, "x", kind.as_datatype_enum, MANY)
    assert caught.value.code == code and words in caught.value.message
