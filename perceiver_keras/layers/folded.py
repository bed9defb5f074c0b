"""Linear maps that follow a block's MLP, folded into it: only their outputs' channels are computed.

A block ends with x + h·contract, and what is decoded passes through one or two linear maps to few channels. All of
that is linear in x and in the hidden channels h, so two narrow products replace the wide ones.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence
from typing import NamedTuple

import tensorflow as tf

from perceiver_keras.layers.feed_forward import FeedForward
from perceiver_keras.layers.linear import Linear
from perceiver_keras.layers.product import product


class Folded(NamedTuple):
    """x + contract(h), then linear maps, as x·of_input + h·of_hidden + bias."""

    of_input: tf.Tensor  # [C, E]
    of_hidden: tf.Tensor  # [H, E]
    bias: tf.Tensor  # [E]

    def __call__(self, x: tf.Tensor, hidden: tf.Tensor) -> tf.Tensor:
        """[..., C] and the hidden rows [R, H] -> [..., E]."""
        rows = tf.reshape(x, [-1, x.shape[-1]])
        outputs = tf.nn.bias_add(product(hidden, self.of_hidden), self.bias)
        outputs += product(rows, self.of_input)
        channels = self.bias.shape[0]
        outputs = tf.reshape(outputs, tf.concat([tf.shape(x)[:-1], [channels]], 0))
        outputs.set_shape(x.shape[:-1] + [channels])
        return outputs


def folded(mlp: FeedForward, maps: Sequence[Linear], rows: int | None) -> Folded | None:
    """The maps folded into the MLP, or None where that would not save multiplications.

    Args:
        mlp: of a block; its dropout is not applied.
        maps: what follows the block, in order; built.
        rows: that will be computed with it; None: many.
    """
    if not maps or not _saves(mlp, maps, rows):
        return None
    kernel, bias = _weights(maps[0])
    for linear in maps[1:]:
        next_kernel, next_bias = _weights(linear)
        kernel, bias = kernel @ next_kernel, bias @ next_kernel + next_bias
    contract, offset = _weights(mlp.contract)
    dtype = mlp.compute_dtype
    return Folded(
        of_input=tf.cast(kernel, dtype),
        of_hidden=tf.cast(contract @ kernel, dtype),
        bias=tf.cast((offset @ kernel + bias)[0], dtype),
    )


def _saves(mlp: FeedForward, maps: Sequence[Linear], rows: int | None) -> bool:
    rows = math.inf if rows is None else rows
    hidden, channels = mlp.contract.kernel.shape
    sizes = [channels, *(linear.units for linear in maps)]
    apart = hidden * channels + sum(a * b for a, b in itertools.pairwise(sizes))
    once = sum(channels * a * b for a, b in itertools.pairwise(sizes[1:]))
    once += hidden * channels * sizes[-1]
    return once < rows * (apart - (channels + hidden) * sizes[-1])


def _weights(linear: Linear) -> tuple[tf.Tensor, tf.Tensor]:
    """Kernel [C, E] and bias [1, E] in float32: what is computed from them is rounded once."""
    kernel = tf.cast(linear.kernel, tf.float32)
    if linear.bias is None:
        return kernel, tf.zeros([1, linear.units])
    return kernel, tf.cast(linear.bias, tf.float32)[None]
