from __future__ import annotations

import numpy as np
import pytest
import tensorflow as tf

from perceiver_keras.layers.product import given, keeping, plainly, product

RNG = np.random.default_rng(0)
A = RNG.normal(size=(2, 3, 4)).astype(np.float32)


@pytest.mark.parametrize("transpose_b", [False, True])
def test_a_given_product_has_the_gradients_of_the_product(transpose_b):
    a = tf.constant(A)
    b = tf.constant(RNG.normal(size=(2, 5, 4) if transpose_b else (2, 4, 5)).astype(np.float32))

    def gradients(context):
        with context as kept, tf.GradientTape() as tape:
            tape.watch([a, b])
            y = product(a, b, transpose_b=transpose_b)
            loss = tf.reduce_sum(tf.sin(y))
        return kept, y, *tape.gradient(loss, [a, b])

    kept, *expected = gradients(keeping())
    np.testing.assert_allclose(kept[0], A @ (np.swapaxes(b, 1, 2) if transpose_b else b), rtol=1e-5)
    for ours, theirs in zip(gradients(given(kept))[1:], expected, strict=True):
        np.testing.assert_allclose(ours, theirs, rtol=1e-6)


@pytest.mark.parametrize("transpose_b", [False, True])
def test_a_batch_of_one_is_a_plain_product(transpose_b):
    """oneDNN's kernel for one matrix is faster than that for a batch; both dimensions may be free."""
    a, b = (RNG.normal(size=(1, 1, *size)).astype(np.float32) for size in ((3, 4), (5, 4)))
    b = b if transpose_b else np.swapaxes(b, 2, 3)
    free = [tf.TensorSpec([1, 1, None, None])] * 2
    run = tf.function(lambda a, b: product(a, b, transpose_b=transpose_b), free)
    expected = np.matmul(a, np.swapaxes(b, 2, 3) if transpose_b else b)
    np.testing.assert_allclose(run(a, b), expected, rtol=1e-5, atol=1e-6)
    kinds = {op.type for op in run.get_concrete_function().graph.get_operations()}
    assert "MatMul" in kinds and "BatchMatMulV2" not in kinds


def test_what_is_given_is_taken_in_order_and_not_computed():
    with given([tf.constant(1.0), tf.constant(2.0)]):
        assert [float(product(tf.constant(A), tf.constant(A))) for _ in range(2)] == [1.0, 2.0]


def test_only_what_is_inside_is_kept():
    a = tf.ones([2, 2])
    product(a, a)
    with keeping() as kept:
        with plainly():
            product(a, a)
        product(a, 2 * a)
    product(a, a)
    assert [float(k[0, 0]) for k in kept] == [4.0]
