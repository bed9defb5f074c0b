"""The policies of `pk.precision`, on all tasks' models: what weights are in, and how far outputs may be."""

from __future__ import annotations

import numpy as np
import pytest
import tensorflow as tf
from tensorflow import keras

import perceiver_keras as pk
from perceiver_keras.tasks import registry
from tests.checks import BFLOAT16, assert_close


def test_the_policy_ends_with_the_block():
    with pytest.raises(KeyError), pk.precision("bfloat16"):
        assert keras.mixed_precision.global_policy().name == "bfloat16"
        raise KeyError
    assert keras.mixed_precision.global_policy().name == "float32"


@pytest.mark.parametrize("task", ["image_classification", "optical_flow", "language_mlm"])
def test_a_model_in_bfloat16_has_no_float32_copy_of_its_weights(task, tmp_path):
    model = registry.get(task).model.from_preset("tiny").build_all()
    rng = np.random.default_rng(0)
    for weight in model.trainable_weights:
        weight.assign_add(0.02 * rng.normal(size=weight.shape))
    model.save_to_preset(tmp_path / "preset")
    with pk.precision("bfloat16"):
        small = pk.load(tmp_path / "preset")
    large = [w for w in small.trainable_weights if w.dtype != tf.bfloat16]
    assert all(w.name.split("/")[-1] in ("scale:0", "offset:0") for w in large)

    def numbers(spec):
        values = rng.integers(0, 2, (2, *spec.shape[1:]))
        return tf.cast(tf.constant(values), spec.dtype)

    inputs = tf.nest.map_structure(numbers, model.symbolic_inputs())
    found = tf.function(lambda x: small(x, training=False))(inputs)
    kept = tf.nest.map_structure(lambda x: tf.cast(x, tf.float32), found)
    assert_close(kept, model(inputs, training=False), BFLOAT16)
