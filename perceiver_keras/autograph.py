"""AutoGraph, kept from code that has no need of it."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any

import tensorflow as tf


def unconverted(function: Callable[..., Any]) -> Callable[..., Any]:
    """A function that AutoGraph leaves as it is, with all that it calls, and with the arguments that Keras looks at.

    AutoGraph rewrites whatever a graph is traced from, so that `if` and `for` may go by tensors. Ours never do, and
    rewriting them was a tenth to a quarter of the time before a first step, and of an export's. What calls functions of
    the user's own, which may need it, stays converted.
    """
    wrapped = tf.autograph.experimental.do_not_convert(function)
    wrapped.__signature__ = inspect.signature(function)
    return wrapped
