"""What is compiled by XLA, and what is not."""

from __future__ import annotations

import tensorflow as tf

from perceiver_keras.layers.xla import for_xla

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
