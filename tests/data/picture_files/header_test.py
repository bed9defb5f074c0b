"""Numbers out of bytes against struct; the first reason."""

from __future__ import annotations

import struct

import numpy as np
import tensorflow as tf

from perceiver_keras.data.picture_files import header

CONTENT = bytes(range(200, 220))


def test_numbers_are_struct_s_and_zeros_beyond_the_end():
    for at in (0, 3, 16):
        for dtype, letter in ((tf.uint8, "B"), (tf.uint16, "H"), (tf.int32, "i")):
            for little in (True, False):
                expected = struct.unpack_from("<>"[not little] + letter, CONTENT + bytes(8), at)
                assert header.number(CONTENT, at, dtype, little) == expected[0]
    np.testing.assert_array_equal(header.numbers(CONTENT, 18, 4), [218, 219, 0, 0])
    for at in (20, 21, 10**12, -5):
        assert header.part(CONTENT, at, 3) == (CONTENT[:3] if at < 0 else b"")
    assert header.part(CONTENT, 2, -1) == b""


def test_the_first_reason_that_holds():
    none, holds = (tf.constant(False), "a"), tf.constant(True)
    assert header.first(none, (holds, "b"), (holds, tf.constant("c"))) == b"b"
    assert header.first(none, none) == b""
    assert header.first(none, otherwise="d") == b"d"


def test_sizes():
    def said(*size):
        return header.first(*header.size_reasons(tf.constant(size, tf.int64))).numpy().decode()

    assert said(1, 1) == said(8192, 8192) == ""
    assert said(0, 3) == "declares 0 x 3 pixels"
    assert said(8192, 8193).startswith("declares 8192 x 8193 pixels, more than the 67108864")
    assert "more than" in said(2**31 - 1, 2**31 - 1)


def test_choose_runs_one_function():
    @tf.function
    def run(index, encoded):
        def never(encoded):
            with tf.control_dependencies([tf.debugging.Assert(False, ["run"])]):
                return tf.strings.length(encoded)

        return header.choose(index, [tf.strings.length, never], encoded)

    assert run(tf.constant(0), tf.constant("abc")) == 3
