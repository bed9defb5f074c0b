"""Numbers out of a file's bytes, and why a file can't be decoded, in a graph.

Reads beyond the end give zeros, never an error. A reason is whether something is so, bool [], and the words for it.

Nodes are spared here: of a small model's SavedModel most are those of picture files, and TensorFlow goes through all of
them whenever it makes an iterator or loads a model.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import tensorflow as tf

MAX_PIXELS = 64 << 20  # files whose header declares more are refused before they are decoded


def choose(
    index: tf.Tensor, functions: Sequence[Callable[[tf.Tensor], tf.Tensor]], encoded: tf.Tensor
) -> tf.Tensor:
    """`functions[index](encoded)`, as `tf.switch_case`, but what is not chosen costs nothing.

    In tf.data TensorFlow visits all nodes of `tf.cond`'s and `tf.switch_case`'s branches, even of those not taken: for
    hundreds of nodes that costs as much as decoding a picture. The op itself calls the branch that is taken.

    Args:
      index: int32 [].
      functions: From a file, string [], to a tensor of one dtype and rank.
      encoded: string [].
    """
    signature = [tf.TensorSpec([], tf.string)]
    branches = [
        tf.function(function, autograph=False, input_signature=signature).get_concrete_function()
        for function in functions
    ]
    shape = branches[0].output_shapes
    result = tf.raw_ops.Case(
        branch_index=index,
        input=[encoded],
        Tout=[branches[0].output_dtypes],
        branches=branches,
        output_shapes=[shape],
    )
    return tf.ensure_shape(result[0], shape)


# === Reading ===


def length_of(encoded: tf.Tensor) -> tf.Tensor:
    """The number of bytes of a file, int64 []."""
    return tf.cast(tf.strings.length(encoded), tf.int64)


def part(encoded: tf.Tensor, at: tf.Tensor | int, length: tf.Tensor | int) -> tf.Tensor:
    """At most `length` bytes of a file from byte `at` on, string []."""
    begin = _positive(at)
    if not isinstance(at, int) or at > 0:
        begin = tf.minimum(begin, length_of(encoded))
    return tf.strings.substr(encoded, begin, _positive(length))


def _positive(number: tf.Tensor | int) -> tf.Tensor:
    """int64, with 0 for what is below."""
    if isinstance(number, int):
        return tf.constant(max(number, 0), tf.int64)
    return tf.maximum(tf.cast(number, tf.int64), 0)


def numbers(
    encoded: tf.Tensor,
    at: tf.Tensor | int,
    count: int,
    dtype: tf.DType = tf.uint8,
    little_endian: bool = True,
) -> tf.Tensor:
    """`count` integers of a file from byte `at` on, int64 [count]."""
    size = count * dtype.size
    return tf.cast(
        tf.io.decode_raw(part(encoded, at, size), dtype, little_endian, fixed_length=size), tf.int64
    )


def number(
    encoded: tf.Tensor, at: tf.Tensor | int, dtype: tf.DType, little_endian: bool = True
) -> tf.Tensor:
    """One integer of a file, int64 []."""
    return tf.squeeze(numbers(encoded, at, 1, dtype, little_endian), 0)


# === Reasons ===


Reason = tuple[tf.Tensor, tf.Tensor | str]


def first(*reasons: Reason, otherwise: str = "") -> tf.Tensor:
    """The words of the first reason that holds, string []."""
    result = tf.constant(otherwise)
    for holds, words in reversed(reasons):
        result = tf.where(holds, words, result)
    return result


def size_reasons(size: tf.Tensor) -> tuple[Reason, Reason]:
    """Why pictures of that size, int64 [2], are refused."""
    rows, columns = tf.unstack(tf.strings.as_string(size))
    declared = tf.strings.join(["declares ", rows, " x ", columns, " pixels"])
    # Each side is compared too: their product may overflow.
    many = tf.reduce_any(size > MAX_PIXELS) | (tf.reduce_prod(size) > MAX_PIXELS)
    return (
        (tf.reduce_any(size < 1), declared),
        (many, tf.strings.join([declared, f", more than the {MAX_PIXELS} allowed"])),
    )
