"""A set of entities: one Linear, each entity by itself."""

from __future__ import annotations

import numpy as np

from perceiver_keras.preprocess.entities import EntitiesPreprocess

ENTITIES = np.random.default_rng(0).normal(size=(2, 5, 3)).astype(np.float32)


def test_each_entity_is_projected_by_itself():
    layer = EntitiesPreprocess(channels=4)
    array = layer({"entities": ENTITIES, "mask": np.ones((2, 5), bool)})
    kernel, bias = layer.get_weights()
    np.testing.assert_allclose(array, ENTITIES @ kernel + bias, atol=1e-6)
    np.testing.assert_array_equal(layer(ENTITIES), array)
    order = [3, 0, 4, 2, 1]
    np.testing.assert_allclose(layer(ENTITIES[:, order]), array.numpy()[:, order], atol=1e-6)
