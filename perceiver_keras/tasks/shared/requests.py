"""What a served graph tells of a request that it can't answer."""

from __future__ import annotations

from collections.abc import Mapping

import tensorflow as tf

from perceiver_keras.autograph import unconverted


def some(contents: tf.Tensor, what: str) -> tf.Tensor:
    """`contents`, any shape, as they are.

    Raises:
      InvalidArgumentError: there are none. What would be read of the first has no value then.
    """
    words = [f"The request has no {what}."]
    with tf.control_dependencies([tf.debugging.Assert(tf.size(contents) > 0, words)]):
        return tf.identity(contents)


@unconverted
def as_many(inputs: Mapping[str, tf.Tensor]) -> dict[str, tf.Tensor]:
    """Inputs [B, ...] as they are.

    Raises:
      InvalidArgumentError: they are not of as many examples. A single row would else be taken for all of them, and
        more could fail far from here.
    """
    if len(inputs) < 2:
        return dict(inputs)
    counts = tf.stack([tf.shape(value)[0] for value in inputs.values()])
    words = [f"The inputs {', '.join(inputs)} have different numbers of examples:", counts]
    with tf.control_dependencies([tf.debugging.Assert(tf.reduce_all(counts == counts[0]), words)]):
        return {name: tf.identity(value) for name, value in inputs.items()}
