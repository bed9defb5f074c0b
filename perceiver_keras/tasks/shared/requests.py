"""What a served graph tells of a request that it can't answer."""

from __future__ import annotations

import tensorflow as tf


def some(contents: tf.Tensor, what: str) -> tf.Tensor:
    """`contents`, any shape, as they are.

    Raises:
      InvalidArgumentError: there are none. What would be read of the first has no value then.
    """
    words = [f"The request has no {what}."]
    with tf.control_dependencies([tf.debugging.Assert(tf.size(contents) > 0, words)]):
        return tf.identity(contents)
