"""The loop that XLA gets, against the same layers called one by one."""

from __future__ import annotations

import numpy as np
import pytest
import tensorflow as tf
from tensorflow import keras

from perceiver_keras.layers.blocks import SelfAttentionBlock
from perceiver_keras.layers.linear import build_part
from perceiver_keras.layers.stacked import run_stacked
from tests.checks import assert_close

X = np.random.default_rng(0).normal(size=(2, 4, 8)).astype(np.float32)


class Stack(keras.layers.Layer):
    """Blocks that are alike, as a loop."""

    def __init__(self, depth: int, passes: int, dropout: float, **kwargs):
        super().__init__(**kwargs)
        self.passes = passes
        rates = {"dropout": dropout, "attention_dropout": dropout}
        self.blocks = [
            SelfAttentionBlock(num_heads=2, name=f"block_{i}", dtype=self.dtype_policy, **rates)
            for i in range(depth)
        ]

    def build(self, shape):
        for block in self.blocks:
            build_part(block, shape)

    def call(self, x, training=None):
        return run_stacked(self.blocks, x, self.passes, training)


def stack(depth: int = 2, passes: int = 1, dropout: float = 0.0, dtype="float32") -> Stack:
    keras.utils.set_random_seed(0)
    made = Stack(depth, passes, dropout, dtype=dtype)
    made.build(X.shape)
    rng = np.random.default_rng(1)
    for weight in made.trainable_weights:  # norms and biases too start apart
        weight.assign_add(0.3 * rng.normal(size=weight.shape))
    return made


def one_by_one(made: Stack, x, training):
    for _ in range(made.passes):
        for block in made.blocks:
            x = block(x, training=training)
    return x


def gradients(made: Stack, form=None, training: bool = True):
    """A function of x: the output and the gradients, of the input and of the trainable weights."""

    def run(x):
        with tf.GradientTape() as tape:
            tape.watch(x)
            y = (form or Stack.__call__)(made, x, training=training)
            loss = tf.reduce_sum(tf.sin(tf.cast(y, tf.float32)))
        return y, *tape.gradient(loss, [x, *made.trainable_weights])

    return run


def xla(function):
    return tf.function(function, jit_compile=True, autograph=False)


def assert_same(found, expected, tolerance: float = 2e-5) -> None:
    """Of the largest value: the gradients of key biases are zero but for rounding."""
    for part in (slice(0, 1), slice(1, None)):
        ours, theirs = ([np.asarray(t, np.float32) for t in run[part]] for run in (found, expected))
        scale = max(np.abs(t).max() for t in theirs)
        for a, b in zip(ours, theirs, strict=True):
            np.testing.assert_allclose(a, b, rtol=0, atol=tolerance * scale)


@pytest.mark.parametrize("passes", [1, 2])
def test_outputs_and_gradients(passes):
    made = stack(depth=3, passes=passes)
    expected = gradients(made, one_by_one)(tf.constant(X))
    assert_same(xla(gradients(made))(X), expected)


def test_dropout_draws_the_same_and_counts():
    """Each layer and pass draws its own mask, and the backward pass that of the forward pass."""
    made = stack(passes=2, dropout=0.4)
    states = made.non_trainable_weights
    start = [tf.identity(state) for state in states]
    loop = xla(gradients(made))
    first, second = loop(X), loop(X)
    assert np.abs(first[0] - second[0]).max() > 1e-3
    assert {int(state[1]) for state in states} == {4}
    for state, value in zip(states, start, strict=True):
        state.assign(value)
    assert_same(first, xla(gradients(made, one_by_one))(X))
    assert {int(state[1]) for state in states} == {2}


def test_at_inference_nothing_is_dropped_or_counted():
    made = stack(dropout=0.4)
    expected = one_by_one(made, X, training=False)
    assert_close(xla(lambda x: made(x, training=False))(X), expected)
    assert not any(int(state[1]) for state in made.non_trainable_weights)


def test_mixed_precision():
    """As far from float32 as bfloat16 is, and the gradients of the variables are float32."""
    mixed, exact = stack(passes=2, dtype="mixed_bfloat16"), stack(passes=2)
    found = xla(gradients(mixed))(X)
    assert found[0].dtype == tf.bfloat16 and {g.dtype for g in found[1:]} == {tf.float32}
    assert_same(found, gradients(exact, one_by_one)(tf.constant(X)), 0.1)


def test_a_frozen_layer_gets_no_gradient_and_passes_it_on():
    made = stack(depth=3)
    first, frozen, _ = (len(block.trainable_weights) for block in made.blocks)
    expected = gradients(made, one_by_one)(tf.constant(X))
    made.blocks[1].trainable = False
    found = xla(gradients(made))(X)
    assert len(found) == len(expected) - frozen
    assert_same(found, [*expected[: 2 + first], *expected[2 + first + frozen :]])


def test_any_number_of_examples():
    made = stack(passes=2)
    free = tf.TensorSpec([None, *X.shape[1:]])
    run = tf.function(gradients(made), [free], jit_compile=True, autograph=False)
    for x in (X, X[:1]):
        assert_same(run(x), gradients(made, one_by_one)(tf.constant(x)))


def program(depth: int, form=None) -> str:
    """What XLA is asked to compile."""
    run = xla(gradients(stack(depth, passes=2), form))
    return run.experimental_get_compiler_ir(tf.constant(X))(stage="hlo")


def test_the_program_does_not_grow_with_the_depth():
    """Products of matrices, and what only the inside of a layer has; each layer's weights are still named once."""

    def counts(text: str) -> list[int]:
        return [text.count(f" {name}(") for name in ("dot", "tanh", "exponential", "rsqrt")]

    two = program(2)
    assert counts(two) == counts(program(12)) and min(counts(two)) > 0
    unrolled = program(4, one_by_one)
    assert all(a > b for a, b in zip(counts(unrolled), counts(two), strict=True))
    # `stack[step]` would make XLA hold each stack padded to twice its size along every axis.
    assert "[2,16,16]" not in two and "[2,8,8]" in two


def test_the_layers_stay_as_they_are():
    made = stack()
    kept = {name: id(weight) for block in made.blocks for name, weight in vars(block).items()}
    names = [w.name for w in made.weights]
    xla(lambda x: made(x, training=True)).get_concrete_function(tf.constant(X))
    assert [w.name for w in made.weights] == names
    assert kept == {
        name: id(weight) for block in made.blocks for name, weight in vars(block).items()
    }
