"""What compiles a graph: XLA as a whole, or TensorFlow's own optimizers, which fuse operations."""

from __future__ import annotations

from collections.abc import Callable

import tensorflow as tf
from tensorflow.python.ops import control_flow_util


def for_xla() -> bool:
    """Whether what is traced now will be compiled by XLA as a whole; no public function says so."""
    graph = tf.compat.v1.get_default_graph()
    return not tf.executing_eagerly() and control_flow_util.GraphOrParentsInXlaContext(graph)


def fused(function: Callable[..., tf.Tensor]) -> Callable[..., tf.Tensor]:
    """The same function, as a graph of its own for the optimizers: for the body of a loop, which they do not fuse."""
    if tf.executing_eagerly() or for_xla():
        return function
    return tf.function(function, autograph=False, experimental_attributes={"_noinline": True})
