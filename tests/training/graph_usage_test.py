"""Bytes and multiplications of graphs, against closed forms."""

from __future__ import annotations

import tensorflow as tf

from perceiver_keras.layers.attention import Attention
from perceiver_keras.layers.blocks import CrossAttentionBlock, SelfAttentionBlock
from perceiver_keras.training.cost import abstract
from perceiver_keras.training.graph_usage import graph_usage, usage

MIB = 2**20


def row(count: int = 1) -> tf.Tensor:
    """`count` MiB that are fed."""
    return tf.compat.v1.placeholder(tf.float32, [count, MIB // 4])


def test_an_element_wise_chain_works_in_place():
    with abstract():
        found = usage([tf.tanh(tf.exp(row() + 1.0) * 2.0)])
    assert found.peak == MIB and found.flops == 0


def test_what_is_used_later_is_kept():
    with abstract():
        first = row() + 1.0
        second = tf.exp(first)
        third = tf.sin(second)
        found = usage([first + third])  # `first` lives next to one more
    assert found.peak == 2 * MIB


def test_the_gradient_keeps_what_it_needs():
    with abstract():
        x = row()
        with tf.GradientTape() as tape:
            tape.watch(x)
            y = x
            for _ in range(5):
                y = tf.tanh(y + 1.0)
        found = usage([tape.gradient(y, x)])
    assert 5 * MIB <= found.peak <= 7 * MIB  # each tanh's gradient needs its output


def test_a_loop_counts_each_pass_and_keeps_each_for_its_gradient():
    def run(training: bool):
        with abstract():
            x, w = row(4), tf.compat.v1.placeholder(tf.float32, [MIB // 4, 8])
            with tf.GradientTape() as tape:
                tape.watch(x)
                _, y = tf.while_loop(
                    lambda i, y: i < 8,
                    lambda i, y: (i + 1, tf.tanh(y) + tf.reduce_sum(tf.matmul(y, w))),
                    (tf.constant(0), x),
                    maximum_iterations=8,
                )
            return usage([tape.gradient(y, x)] if training else [y])

    forward = run(False)
    assert forward.flops == 8 * 2 * 4 * (MIB // 4) * 8
    backward = run(True)
    assert backward.flops == 2 * forward.flops
    assert backward.peak >= 8 * 4 * MIB + forward.peak / 2


def test_branches_and_calls_count():
    @tf.function
    def inner(x):
        return tf.matmul(x, x, transpose_b=True)

    @tf.function
    def outer(x, flag):
        return tf.cond(flag, lambda: inner(x), lambda: tf.zeros([4, 4]))

    graph = outer.get_concrete_function(tf.TensorSpec([4, MIB]), tf.TensorSpec([], tf.bool)).graph
    assert graph_usage(graph).flops == 2 * 4 * 4 * MIB


def flops_of(layer: tf.keras.layers.Layer, *shapes: tuple[int, ...]) -> int:
    with abstract():
        inputs = [tf.compat.v1.placeholder(tf.float32, shape) for shape in shapes]
        return usage([layer(inputs[0] if len(inputs) == 1 else tuple(inputs))]).flops


def test_flops_of_self_attention_and_mlp():
    n, d, wide = 48, 32, 4
    block = SelfAttentionBlock(num_heads=4, widening_factor=wide)
    maps, products, mlp = 4 * n * d * d, 2 * n * n * d, 2 * n * d * wide * d
    assert flops_of(block, (3, n, d)) == 3 * 2 * (maps + products + mlp)


def test_flops_of_cross_attention_with_and_without_chunks():
    """In chunks, the last one repeats some keys."""
    n, m, d = 16, 16384, 32
    block = CrossAttentionBlock(num_heads=4)
    want = 2 * (2 * n * d * d + 2 * m * d * d + 2 * n * m * d + 2 * n * d * d)
    assert flops_of(block, (1, n, d), (1, m, d)) == want
    chunked = CrossAttentionBlock(num_heads=4)
    with abstract():
        query, keys = (tf.compat.v1.placeholder(tf.float32, s) for s in ((1, n, d), (1, m, d)))
        chunked((query, keys))
        chunked.attention.memory_mb = 1
        chunks = usage([chunked((query, keys))])
    assert want <= chunks.flops <= 1.1 * want


def test_chunks_take_less_memory_in_training():
    def peak(memory_mb: float) -> int:
        with abstract():
            layer = Attention(num_heads=4, memory_mb=memory_mb)
            query, keys = (
                tf.compat.v1.placeholder(tf.float32, shape)
                for shape in ((2, 256, 32), (2, 8192, 32))
            )
            with tf.GradientTape() as tape:
                output = tf.reduce_sum(layer((query, keys)) ** 2)
            return usage([g for g in tape.gradient(output, layer.trainable_variables)]).peak

    logits = 2 * 4 * 256 * 8192 * 4
    assert peak(256) >= 2 * logits  # weights, and their gradient
    assert peak(4) < logits
