from __future__ import annotations

import numpy as np
import pytest
import tensorflow as tf

from perceiver_keras.layers.patches import (
    Patches,
    depth_to_space,
    space_to_depth,
    surrounding_patches,
)
from perceiver_keras.layers.xla import for_converters


def random(*shape):
    return np.random.default_rng(0).normal(size=shape).astype(np.float32)


def test_space_to_depth_of_a_picture_is_tensorflows():
    x = random(2, 6, 4, 3)
    np.testing.assert_array_equal(space_to_depth(tf.constant(x), 1, 2), tf.nn.space_to_depth(x, 2))


def test_channel_order_is_time_row_column_channel():
    x = random(1, 4, 6, 4, 3)
    patches = space_to_depth(tf.constant(x), 2, 2).numpy()
    assert patches.shape == (1, 2, 3, 2, 24)
    np.testing.assert_array_equal(patches[0, 1, 2, 1], x[0, 2:4, 4:6, 2:4].reshape(-1))


@pytest.mark.parametrize("steps", [(1, 1), (2, 1), (1, 2), (2, 4)], ids=str)
def test_round_trip(steps):
    x = random(2, 4, 8, 8, 3)
    np.testing.assert_array_equal(depth_to_space(space_to_depth(tf.constant(x), *steps), *steps), x)


def test_surrounding_patches_are_extract_patches():
    x = random(2, 5, 6, 3)
    expected = tf.image.extract_patches(x, [1, 3, 3, 1], [1, 1, 1, 1], [1, 1, 1, 1], "SAME")
    np.testing.assert_array_equal(surrounding_patches(tf.constant(x)), expected)


def test_sizes_that_do_not_divide_are_refused():
    with pytest.raises(ValueError, match="width 5 is not a multiple of the patch's 2"):
        space_to_depth(tf.zeros((1, 4, 5, 3)), 1, 2)


def test_a_time_axis_of_one_is_dropped():
    layer = Patches(temporal=2, spatial=1, linear_channels=7)
    assert layer(tf.zeros((1, 2, 4, 5, 3))).shape == (1, 4, 5, 7)
    assert layer.compute_output_shape((None, 2, 4, 5, 3)) == (None, 4, 5, 7)
    assert Patches(temporal=2, spatial=2)(tf.zeros((1, 4, 4, 6, 3))).shape == (1, 2, 2, 3, 24)


@pytest.mark.parametrize(
    ("temporal", "spatial", "size"), [(1, 1, 4), (1, 2, 4), (2, 2, 4), (4, 4, 4)]
)
def test_converters_get_the_same_patches_with_four_axes_at_a_time(temporal, spatial, size):
    """TensorFlow Lite transposes at most six axes, and there are eight."""
    frames = tf.constant(np.random.default_rng(0).normal(size=[2, 4, size, 8, 3]), tf.float32)

    def there_and_back(x):
        patches = space_to_depth(x, temporal, spatial)
        return patches, depth_to_space(patches, temporal, spatial)

    spec = tf.TensorSpec([None, *frames.shape[1:]])
    with for_converters():
        traced = tf.function(there_and_back, autograph=False).get_concrete_function(spec)
    ranks = [
        op.inputs[0].shape.rank for op in traced.graph.get_operations() if op.type == "Transpose"
    ]
    assert max(ranks, default=4) == 4
    patches, back = traced(frames)
    np.testing.assert_array_equal(patches, space_to_depth(frames, temporal, spatial))
    np.testing.assert_array_equal(back, frames)
