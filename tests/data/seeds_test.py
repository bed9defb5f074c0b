"""Seeds are pure functions: nothing random keeps a state."""

from __future__ import annotations

import numpy as np
import tensorflow as tf
from hypothesis import given, settings
from hypothesis import strategies as st

from perceiver_keras.data import seeds


@settings(max_examples=50, deadline=None)
@given(st.integers(0, (1 << 62) - 1))
def test_a_seed_pair_holds_every_bit_of_the_seed(seed):
    low, high = map(int, seeds.seed_pair(seed).numpy())
    assert low >= 0 and high >= 0
    assert low + (high << 31) == seed


def test_example_seeds_are_pure_and_distinct():
    root = seeds.seed_pair(12345678901234567)
    seed_of = tf.function(lambda epoch, index: seeds.example_seed(root, epoch, index))
    found = {
        tuple(seed_of(tf.constant(epoch), tf.constant(index)).numpy())
        for epoch in range(20)
        for index in range(20)
    }
    assert len(found) == 400
    again = seeds.fold_in(seeds.fold_in(root, 3), tf.constant(7, tf.int64))
    np.testing.assert_array_equal(seed_of(tf.constant(3), tf.constant(7)), again)
    other = seeds.example_seed(seeds.seed_pair(12345678901234568), 3, 7)
    assert tuple(other.numpy()) not in found


def test_numbers_from_folded_seeds_are_as_good_as_new():
    """Uniform, and neighbouring seeds give unrelated numbers: mean 1/2, correlation 0, within 4 deviations."""
    draw = tf.function(
        lambda i: tf.random.stateless_uniform([4], seeds.fold_in([1, 2], i), alg="philox")
    )
    drawn = np.array([draw(tf.constant(i)) for i in range(500)])
    assert abs(drawn.mean() - 0.5) < 4 * np.sqrt(1 / 12 / drawn.size)
    correlation = np.corrcoef(drawn[:-1, 0], drawn[1:, 0])[0, 1]
    assert abs(correlation) < 4 / np.sqrt(499)
