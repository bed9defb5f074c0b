"""Element-wise work of which only the input is kept for the gradient: the rest is computed again, as cheaply."""

from __future__ import annotations

from collections.abc import Callable

import tensorflow as tf


def keeping_input(
    function: Callable[..., tf.Tensor],
    gradient: Callable[..., tuple[tf.Tensor, ...]],
    *inputs: tf.Tensor,
) -> tf.Tensor:
    """`function(*inputs)`, whose gradient is `gradient(upstream, *inputs)`, one for each input.

    What `gradient` computes of the inputs alone waits for `upstream`; it could run at once otherwise, and what it makes
    would be kept until the backward pass as well.
    """

    @tf.custom_gradient
    def run(*inputs):
        def grad(upstream):
            with tf.control_dependencies([upstream]):
                late = [tf.identity(one) for one in inputs]
            return gradient(upstream, *late)

        return function(*inputs), grad

    return run(*inputs)
