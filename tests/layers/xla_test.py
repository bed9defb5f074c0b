"""What is compiled by XLA, and what is not."""

from __future__ import annotations

import tensorflow as tf

from perceiver_keras.layers.xla import (
    for_converters,
    for_xla,
    fused,
    is_for_converters,
    within_control_flow,
)

X = tf.ones([2, 3])


def test_what_is_traced_for_xla():
    seen = []

    def look(x):
        seen.append(for_xla())
        return x

    look(X)
    tf.function(look)(X)
    tf.function(look, jit_compile=True)(X)
    tf.function(lambda x: tf.function(look)(x), jit_compile=True)(X)
    tf.function(lambda x: tf.while_loop(lambda _: True, look, (x,), maximum_iterations=1))(X)
    assert seen[:2] == [False, False] and seen[2:] == [True, True, False]


def test_what_is_traced_as_part_of_a_loop_or_a_branch():
    """A function that the optimizers see by itself is not, wherever it is called."""
    seen = []

    def look(x):
        seen.append(within_control_flow())
        return x

    def loop(body):
        return lambda x: tf.while_loop(lambda _: True, body, (x,), maximum_iterations=1)

    def told(function):
        seen.clear()
        tf.function(function, autograph=False)(X)
        return seen[0]

    look(X)
    assert seen == [False]
    assert not told(look) and not told(tf.function(look, autograph=False))
    assert told(loop(look)) and told(loop(tf.function(look, autograph=False)))
    assert told(lambda x: tf.cond(x[0, 0] > 0, lambda: look(x), lambda: x))
    assert not told(lambda x: loop(fused(look))(x))
    assert told(lambda x: loop(fused(loop(look)))(x))


def test_converters_get_no_function_of_its_own_and_only_inside_the_context():
    def double(x):
        return x * 2

    def ops():
        graph = tf.function(lambda x: fused(double)(x)).get_concrete_function(X).graph
        return {operation.type for operation in graph.get_operations()}

    with for_converters():
        assert is_for_converters() and "Mul" in ops() and "PartitionedCall" not in ops()
    assert not is_for_converters() and "PartitionedCall" in ops()
