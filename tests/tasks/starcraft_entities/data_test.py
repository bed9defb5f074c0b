"""Stored sets of entities to examples, and what is refused."""

from __future__ import annotations

import numpy as np
import tensorflow as tf

from perceiver_keras.tasks.starcraft_entities import data
from perceiver_keras.tasks.starcraft_entities.presets import TINY


def test_check_names_what_is_wrong():
    entities = np.zeros(90)
    good = {"entities": list(entities), "mask": [1] * 4 + [0] * 6, "label": [3, 1]}
    assert data.check(good, TINY) is None
    assert "row 4 holds no entity" in data.check({**good, "label": [4, 1]}, TINY)
    assert "outcome is 2" in data.check({**good, "label": [0, 2]}, TINY)
    assert "has 3 numbers, not 10" in data.check({**good, "mask": [1, 1, 1]}, TINY)
    entities[5] = np.nan
    assert "not finite" in data.check({**good, "entities": list(entities)}, TINY)


def test_a_stored_set_comes_back_with_its_target_and_outcome():
    entities = np.random.default_rng(0).uniform(size=(10, 9)).astype(np.float32)
    mask = [1] * 4 + [0] * 6
    numbers = tf.train.Feature(float_list=tf.train.FloatList(value=entities.ravel()))
    lists = {"mask": mask, "label": [3, 1]}
    integers = {k: tf.train.Feature(int64_list=tf.train.Int64List(value=lists[k])) for k in lists}
    record = tf.train.Example(features=tf.train.Features(feature={"entities": numbers, **integers}))
    spec = data.spec(TINY)
    stored = tf.io.parse_single_example(record.SerializeToString(), spec)
    inputs, targets = data.prepare(stored, TINY, True, tf.constant([0, 0]))
    np.testing.assert_array_equal(inputs["entities"], entities)
    np.testing.assert_array_equal(inputs["mask"], mask)
    assert targets["target"] == 3 and targets["won"] == 1
    del stored["label"]
    assert data.prepare(stored, TINY, False, tf.constant([0, 0]))[1] is None
