"""Blocks that only get their weights, and kernels of zeros; tests/tasks/contract_test.py compares whole models."""

from __future__ import annotations

import numpy as np
import pytest
import tensorflow as tf

from perceiver_keras.layers.blocks import CrossAttentionBlock, SelfAttentionBlock
from perceiver_keras.layers.linear import Linear, build_part
from perceiver_keras.layers.weights_only import without_blocks, without_values


def test_a_block_computes_again_behind_the_context():
    x, y = tf.random.normal([1, 3, 8]), tf.random.normal([1, 5, 4])
    for block, inputs in ((SelfAttentionBlock(), x), (CrossAttentionBlock(), (x, y))):
        with without_blocks():
            assert block(inputs).shape == x.shape and block.built
            np.testing.assert_array_equal(block(inputs), x)
        assert np.abs(block(inputs) - x).max() > 0.01


def test_an_error_ends_the_context():
    with pytest.raises(RuntimeError), without_blocks(), without_values():
        raise RuntimeError
    layer, empty = Linear(3), Linear(3)
    build_part(layer, [None, 4])
    assert np.abs(layer.kernel).max() > 0
    with without_values():
        build_part(empty, [None, 4])
    assert not np.any(empty.kernel)
