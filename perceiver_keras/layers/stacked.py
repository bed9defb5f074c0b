"""Layers of one kind, one after another, as a loop whose body is a single layer: for XLA.

XLA compiles every layer of an unrolled graph anew. In a loop it compiles one, whatever the depth. The layers keep
their variables, names and files: their weights are stacked to [L, ...] inside the traced function, each step takes
its row, and the rows of the stack's gradient are the layers' gradients. The backward pass is a loop too. It has kept
each layer's input and products of matrices, and computes again what lies between them (product.py).
"""

from __future__ import annotations

import contextlib
import copy
from collections.abc import Iterator, Sequence
from typing import Any

import tensorflow as tf
from tensorflow import keras

from perceiver_keras.layers.chunked import counted_loop
from perceiver_keras.layers.dropout import Dropout, next_seed
from perceiver_keras.layers.product import given, keeping


def run_stacked(
    layers: Sequence[keras.layers.Layer],
    x: tf.Tensor,
    passes: int,
    training: bool | None,
    recompute: bool = False,
) -> tf.Tensor:
    """`passes` times all `layers`, which differ in nothing but their weights: x [B, N, D] -> [B, N, D].

    With `recompute`, inputs are kept and products are not: they too are computed again.

    To be called in the `call` of the layer that owns them, so that their weights are read in its compute dtype.
    Outputs, gradients and what dropout draws are those of calling the layers one by one.
    """
    depth, steps, shape = len(layers), len(layers) * passes, x.shape
    weights, seeds = [], []
    for alike in zip(*map(weights_of, layers), strict=True):
        if not isinstance(alike[0][0], Dropout):
            weights.append(tf.stack([weight for _, weight in alike]))
        elif training:
            seeds.append(tf.stack([next_seed(state, passes) for _, state in alike]))

    def apply(step: tf.Tensor, x: tf.Tensor, weights: Sequence[tf.Tensor]) -> tf.Tensor:
        row, in_pass = step % depth, tf.stack([0, step // depth])
        layer = holding(
            layers[0], iter(weights), iter([tf.gather(s, row) + in_pass for s in seeds])
        )
        return tf.ensure_shape(layer(x, training=training), shape)

    def rows(weights: Sequence[tf.Tensor], step: tf.Tensor) -> list[tf.Tensor]:
        # Not `weight[row]`, for which XLA would hold the stack padded to twice its size along every axis.
        return [tf.gather(weight, step % depth) for weight in weights]

    def keep(step: tf.Tensor, x: tf.Tensor, *weights: tf.Tensor) -> tuple[tf.Tensor, ...]:
        with contextlib.nullcontext(()) if recompute else keeping() as products:
            output = apply(step, x, weights)
        return output, x, *products

    def pieces(kind: Any, size: int) -> tf.TensorArray:
        return tf.TensorArray(kind.dtype, size, element_shape=kind.shape, clear_after_read=False)

    @tf.custom_gradient
    def run(x, *weights):
        def forward(step, x, *kept):
            x, *new = keep(step, x, *rows(weights, step))
            return step + 1, x, *(k.write(step, n) for k, n in zip(kept, new, strict=True))

        # Traced once for the shapes alone.
        row = [tf.TensorSpec(w.shape[1:], w.dtype) for w in weights]
        once = tf.function(keep, autograph=False).get_concrete_function(
            tf.TensorSpec([], tf.int32), tf.TensorSpec(shape, x.dtype), *row
        )
        kept = [pieces(kind, steps) for kind in once.structured_outputs[1:]]
        _, x, *kept = counted_loop(forward, steps, (tf.constant(0), x, *kept))
        kept = [k.stack() for k in kept]

        def grad(upstream):
            def backward(done, upstream, *sums):
                step = steps - 1 - done
                x, *products = [tf.gather(k, step) for k in kept]
                parts = [x, *rows(weights, step)]
                known = contextlib.nullcontext() if recompute else given(products)
                with tf.GradientTape() as tape, known:
                    tape.watch(parts)
                    output = apply(step, parts[0], parts[1:])
                upstream, *found = tape.gradient(
                    output, parts, upstream, unconnected_gradients=tf.UnconnectedGradients.ZERO
                )
                row = step % depth
                if passes > 1:
                    found = [
                        s.read(row) + tf.cast(g, s.dtype) for s, g in zip(sums, found, strict=True)
                    ]
                sums = [s.write(row, g) for s, g in zip(sums, found, strict=True)]
                return done + 1, tf.ensure_shape(upstream, shape), *sums

            sums = [pieces(kind, depth) for kind in row]
            if passes > 1:  # then sums are float32 in any precision
                sums = [pieces(tf.TensorSpec(kind.shape), depth) for kind in row]
            _, upstream, *sums = counted_loop(backward, steps, (tf.constant(0), upstream, *sums))
            stacked = [tf.cast(s.stack(), w.dtype) for s, w in zip(sums, weights, strict=True)]
            return upstream, *stacked

        return x, grad

    return run(x, *weights)


def weights_of(layer: keras.layers.Layer) -> Iterator[tuple[keras.layers.Layer, tf.Variable]]:
    """All weights with the part that owns each, in an order that is the same for like layers."""
    for value in vars(layer).values():
        if isinstance(value, keras.layers.Layer):
            yield from weights_of(value)
        elif isinstance(value, tf.Variable):
            yield layer, value


def with_weights_read(layer: keras.layers.Layer) -> keras.layers.Layer:
    """A copy of the layer that has its weights as tensors, read now and in the compute dtype of the caller."""
    read = [
        tf.convert_to_tensor(weight)
        for owner, weight in weights_of(layer)
        if not isinstance(owner, Dropout)
    ]
    return holding(layer, iter(read), iter(()))


def holding(
    layer: keras.layers.Layer, weights: Iterator[tf.Tensor], seeds: Iterator[tf.Tensor]
) -> keras.layers.Layer:
    """A copy of the layer and its parts with these in the place of its weights; seeds may be none."""
    twin = copy.copy(layer)
    for name, value in vars(layer).items():
        if isinstance(value, keras.layers.Layer):
            vars(twin)[name] = holding(value, weights, seeds)
        elif isinstance(value, tf.Variable):
            vars(twin)[name] = next(seeds, value) if isinstance(layer, Dropout) else next(weights)
    return twin
