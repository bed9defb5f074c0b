"""Dropout whose random state is a weight, so that a checkpoint resumes it exactly."""

from __future__ import annotations

from typing import Any

import tensorflow as tf
from tensorflow import keras

from perceiver_keras.layers.linear import register


@register
class Dropout(keras.layers.Layer):
    """Zeroes elements with probability `rate` in training and scales the rest by 1/(1 - rate).

    Keras's own layer keeps its generator out of checkpoints, so a resumed run would draw different
    masks. Here the state (a seed and a count of calls) is a non-trainable weight, created only if
    `rate` is above 0.
    """

    def __init__(self, rate: float, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        if not 0.0 <= rate < 1.0:
            raise ValueError(f"Dropout rate must be in [0, 1), got {rate}.")
        self.rate = rate

    def build(self, input_shape: Any) -> None:
        if self.rate:
            self.state = seed_weight(self, "state")
        super().build(input_shape)

    def call(self, inputs: tf.Tensor, training: bool | None = None) -> tf.Tensor:
        if not self.rate or training is None or training is False:
            return inputs
        if training is True:
            return self._drop(inputs)
        return tf.cond(tf.cast(training, tf.bool), lambda: self._drop(inputs), lambda: inputs)

    def _drop(self, inputs: tf.Tensor) -> tf.Tensor:
        return tf.nn.experimental.stateless_dropout(
            inputs, self.rate, next_seed(self.state), rng_alg="philox"
        )

    def get_config(self) -> dict[str, Any]:
        return super().get_config() | {"rate": self.rate}


def seed_weight(layer: keras.layers.Layer, name: str) -> tf.Variable:
    """A non-trainable weight with the state of a layer's random numbers: a seed, and a count from 0.

    Each replica counts for itself, in step with the others, so that nothing is exchanged.
    """
    return layer.add_weight(
        name=name,
        shape=(2,),
        dtype=tf.int32,
        trainable=False,
        initializer=_seed_and_count,
        synchronization=tf.VariableSynchronization.ON_READ,
        aggregation=tf.VariableAggregation.ONLY_FIRST_REPLICA,
    )


def next_seed(state: tf.Variable | tf.Tensor, draws: int = 1) -> tf.Tensor:
    """A seed for stateless random ops, different for each call and each replica.

    With `draws` above 1, the seeds of the next ones differ by [0, 1]. A tensor is a seed already.
    """
    if not isinstance(state, tf.Variable):
        return state
    seed = tf.identity(state)
    replica = tf.distribute.get_replica_context()
    if replica is not None and replica.num_replicas_in_sync > 1:
        seed += tf.stack([replica.replica_id_in_sync_group * 7919, 0])
    with tf.control_dependencies([seed]):
        state.assign_add([0, draws])
    return seed


def _seed_and_count(shape: Any, dtype: Any = tf.int32) -> tf.Tensor:
    """A seed drawn under TensorFlow's global seed, and the count 0."""
    seed = tf.random.uniform((), maxval=tf.int32.max, dtype=tf.int32)
    return tf.cast(tf.stack([seed, 0]), dtype)
