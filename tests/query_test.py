from __future__ import annotations

import numpy as np
import tensorflow as tf

from perceiver_keras.config import FourierPosition, LearnedPosition
from perceiver_keras.query import (
    ArrayQuery,
    InputQuery,
    LearnedQuery,
    MultimodalQuery,
    PositionQuery,
)

ARRAY = tf.constant(np.random.default_rng(0).normal(size=(2, 7, 3)), tf.float32)


def test_learned_queries_are_the_same_for_each_example():
    layer = LearnedQuery(num_queries=5, channels=4)
    queries = layer(ARRAY)
    assert queries.shape == (2, 5, 4)
    np.testing.assert_array_equal(queries[0], queries[1])
    np.testing.assert_array_equal(
        layer(ARRAY, points=tf.constant([3, 1]))[0], queries[0].numpy()[[3, 1]]
    )


def test_one_learned_query_per_input():
    layer = LearnedQuery(num_queries=9, channels=4, per_input=True)
    assert layer(ARRAY).shape == (2, 7, 4)
    np.testing.assert_array_equal(layer(ARRAY)[0], layer.embeddings[:7])


def test_input_query():
    np.testing.assert_array_equal(InputQuery()(ARRAY), ARRAY)
    points = tf.constant([6, 0])
    np.testing.assert_array_equal(InputQuery()(ARRAY, points=points), ARRAY.numpy()[:, [6, 0]])
    np.testing.assert_array_equal(InputQuery(frames=2)(ARRAY[:, :6]), ARRAY[:, :3])


def test_array_queries_are_a_linear_map_of_what_they_come_from():
    given = tf.constant(np.random.default_rng(1).normal(size=(2, 3, 2, 5)), tf.float32)
    inputs = ARRAY[:, :, :1]  # of one channel: the other two are positions
    for source, expected in (("inputs", ARRAY), ("positions", ARRAY[:, :, 1:]), ("given", given)):
        layer = ArrayQuery(source=source, channels=4)
        found = layer(ARRAY, inputs=inputs, points=given if source == "given" else None)
        rows = expected.numpy().reshape(2, -1, expected.shape[-1])
        np.testing.assert_allclose(found, rows @ layer.projection.kernel.numpy(), atol=1e-5)


def test_position_query_follows_the_rule_of_output_points():
    layer = PositionQuery(grid=(2, 3), position=FourierPosition(num_bands=2, max_resolution=(4, 4)))
    queries = layer(ARRAY)
    assert queries.shape == (2, 6, 10)
    expected = [(-1 + 2 * i / 2, -1 + 2 * j / 3) for i in range(2) for j in range(3)]
    np.testing.assert_allclose(queries[0, :, :2], expected, atol=1e-6)
    points = tf.constant([5, 2, 2])
    some = layer(ARRAY, points=points)
    np.testing.assert_allclose(some[1], queries.numpy()[1][[5, 2, 2]], atol=1e-6)


def test_learned_position_query():
    layer = PositionQuery(grid=(2, 3), position=LearnedPosition(channels=4))
    queries = layer(ARRAY)
    np.testing.assert_array_equal(queries[0], layer.position.embeddings)
    np.testing.assert_array_equal(layer(ARRAY, points=tf.constant([4]))[0, 0], queries[0, 4])


def test_multimodal_queries_are_padded_and_alphabetical():
    layer = MultimodalQuery(
        modalities={
            "label": LearnedQuery(channels=3),
            "audio": PositionQuery(grid=(4,), position=FourierPosition(num_bands=2)),
        },
        min_padding_size=2,
    )
    queries = layer(ARRAY).numpy()
    assert queries.shape == (2, 4 + 1, 5 + 2)  # audio is the widest: 1 + 2·2 channels
    assert layer.compute_output_shape(ARRAY.shape) == queries.shape
    np.testing.assert_allclose(queries[0, :4, 0], [-1, -0.5, 0, 0.5])
    np.testing.assert_array_equal(queries[0, 4, :3], layer.modalities["label"].embeddings[0])
    np.testing.assert_array_equal(queries[0, 4, 3:], layer.paddings["label"][0])
    some = layer(ARRAY, points={"audio": tf.constant([2])}).numpy()
    np.testing.assert_allclose(some, queries[:, [2, 4]], atol=1e-6)
