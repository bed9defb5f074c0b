"""Rematerialisation: layers that keep their inputs alone and are computed again in the backward pass.

    with recomputing():
        y = model(x, training=True)

The numbers and gradients are those of keeping everything, dropout's masks too. It costs one more forward pass of what
is computed again (arXiv 1604.06174), and none of what lies inside a layer has to wait for the backward pass.
"""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Callable, Iterator

import tensorflow as tf
from tensorflow import keras

from perceiver_keras.layers.dropout import Dropout, next_seed
from perceiver_keras.layers.stacked import holding, weights_of

_now = threading.local()


@contextlib.contextmanager
def recomputing(on: bool = True) -> Iterator[None]:
    """Inside, and in this thread, layers that know how keep their inputs only, if `on`."""
    before = recomputes()
    _now.on = on
    try:
        yield
    finally:
        _now.on = before


def recomputes() -> bool:
    """Whether this is inside `recomputing`. Gradients are made later, perhaps outside: ask in the forward pass."""
    return getattr(_now, "on", False)


def keeping_inputs(
    call: Callable[..., tf.Tensor], layer: keras.layers.Layer, *inputs: tf.Tensor
) -> tf.Tensor:
    """`call(layer, *inputs)` in training, of which nothing is kept for the gradient but the inputs.

    To be called in the `call` of a layer that owns this one, so that weights are read in its compute dtype.

    Args:
        call: gets a copy of the layer that has tensors in the place of its weights.
        layer: whose weights `call` uses, and whose dropouts it calls once each.
        inputs: float tensors. What else `call` needs, such as masks, has no gradient.
    """
    # `tf.recompute_grad` would copy every weight in the backward pass, and draw new masks.
    count, weights, dtypes, seeds = len(inputs), [], [], []
    for owner, weight in weights_of(layer):
        if isinstance(owner, Dropout):
            seeds.append(next_seed(weight))
        else:
            # In mixed precision, casts are made again too: Keras's wrapper would cast here, and that would be kept.
            weights.append(tf.convert_to_tensor(getattr(weight, "_variable", weight)))
            dtypes.append(tf.convert_to_tensor(weight).dtype)

    def apply(parts: list[tf.Tensor]) -> tf.Tensor:
        cast = map(tf.cast, parts[count:], dtypes)
        return call(holding(layer, cast, iter(seeds)), *parts[:count])

    @tf.custom_gradient
    def run(*parts):
        def grad(upstream):
            late = _zero_after(upstream)
            again = [x + tf.cast(late, x.dtype) for x in parts[:count]] + list(parts[count:])
            with tf.GradientTape() as tape:
                tape.watch(again)
                output = apply(again)
            return tape.gradient(
                output, again, upstream, unconnected_gradients=tf.UnconnectedGradients.ZERO
            )

        return apply(list(parts)), grad

    return run(*inputs, *weights)


def _zero_after(upstream: tf.Tensor) -> tf.Tensor:
    """A zero that is known only once the gradient has come.

    Without it the second computation could begin at once, and graph optimizers would see that it is the first.
    """
    one = tf.cast(tf.reshape(upstream, [-1])[0], tf.float32)
    return tf.where(tf.equal(one, one), 0.0, one)
