"""Stateless seeds: every random step is a function of (run seed, epoch, index), so no generator keeps a state."""

from __future__ import annotations

import tensorflow as tf

from perceiver_keras.autograph import unconverted


def seed_pair(seed: int) -> tf.Tensor:
    """A non-negative integer of up to 62 bits as the int32 [2] that stateless operations take."""
    return tf.constant([seed & 0x7FFFFFFF, (seed >> 31) & 0x7FFFFFFF], tf.int32)


@unconverted
def fold_in(seed: tf.Tensor, number: tf.Tensor | int) -> tf.Tensor:
    """A new seed, int32 [2], from a seed and an integer."""
    number = tf.cast(number, tf.int32)
    return tf.random.experimental.stateless_fold_in(seed, number, alg="philox")


@unconverted
def example_seed(root: tf.Tensor, epoch: tf.Tensor, index: tf.Tensor) -> tf.Tensor:
    """int32 [2], determined by (run seed, epoch, index) and different for each of them."""
    return fold_in(fold_in(root, epoch), index)
