"""What compiles a graph: XLA as a whole, TensorFlow's own optimizers, which fuse operations, or another runtime."""

from __future__ import annotations

import contextlib
import functools
import threading
from collections.abc import Callable, Iterator

import tensorflow as tf
from tensorflow.python.framework.func_graph import FuncGraph
from tensorflow.python.ops import control_flow_util
from tensorflow.python.ops.control_flow_v2_func_graphs import ControlFlowFuncGraph

_now = threading.local()


def for_xla() -> bool:
    """Whether what is traced now will be compiled by XLA as a whole; no public function says so."""
    graph = tf.compat.v1.get_default_graph()
    return not tf.executing_eagerly() and control_flow_util.GraphOrParentsInXlaContext(graph)


def on_gpu() -> bool:
    return bool(tf.config.list_logical_devices("GPU"))


@contextlib.contextmanager
def for_converters() -> Iterator[None]:
    """What is traced inside goes to another runtime's converter: plain operations, and no loop of known length."""
    before = is_for_converters()
    _now.for_converters = True
    try:
        yield
    finally:
        _now.for_converters = before


def is_for_converters() -> bool:
    return getattr(_now, "for_converters", False)


def fused(function: Callable[..., tf.Tensor]) -> Callable[..., tf.Tensor]:
    """The same function, as a graph of its own for the optimizers: for the body of a loop, which they do not fuse."""
    if tf.executing_eagerly() or for_xla() or is_for_converters():
        return function

    @functools.wraps(function)
    def alone(*args: tf.Tensor) -> tf.Tensor:
        tf.compat.v1.get_default_graph().optimized_alone = True
        return function(*args)

    return tf.function(alone, autograph=False, experimental_attributes={"_noinline": True})


def within_control_flow() -> bool:
    """Whether what is traced now becomes part of a loop or a branch, in which TensorFlow's optimizers fuse little."""
    graph = tf.compat.v1.get_default_graph()
    while isinstance(graph, FuncGraph) and not getattr(graph, "optimized_alone", False):
        if isinstance(graph, ControlFlowFuncGraph):
            return True
        graph = graph.outer_graph
    return False
