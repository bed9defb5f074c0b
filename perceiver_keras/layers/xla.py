"""Whether XLA will compile what is traced now."""

from __future__ import annotations

import tensorflow as tf
from tensorflow.python.ops import control_flow_util


def for_xla() -> bool:
    """Whether what is traced now will be compiled by XLA as a whole; no public function says so."""
    graph = tf.compat.v1.get_default_graph()
    return not tf.executing_eagerly() and control_flow_util.GraphOrParentsInXlaContext(graph)
