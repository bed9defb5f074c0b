"""What exported models take, for every task: any batch size, and what TensorFlow Serving's REST interface can carry."""

from __future__ import annotations

import pytest
import tensorflow as tf

from perceiver_keras.tasks import registry
from tests.tiny_task import TASK


@pytest.mark.parametrize("name", registry.names())
def test_inputs_have_a_free_batch_and_types_that_json_can_carry(name):
    task = registry.get(name)
    for preset_name, preset in task.presets.items():
        for key, spec in task.serving.spec(preset.config).items():
            assert spec.shape.rank >= 1 and spec.shape[0] is None, (preset_name, key)
            assert spec.dtype in (tf.string, tf.float32, tf.int32, tf.int64, tf.bool), key
            # REST decodes base64 where a name ends in _bytes, and only there.
            assert not key.endswith("_bytes") or spec.dtype == tf.string, (preset_name, key)


def test_by_default_stored_features_are_the_requests_to_warm_up_with():
    raw = {"image_bytes": tf.constant([b"a", b"b"])}
    assert TASK.serving.warmup(raw) is raw


def test_by_default_every_raw_input_is_served_as_training_prepares_it():
    raw = {"image_bytes": tf.constant([b"a", b"b"])}
    assert TASK.serving.as_trained(raw, None).numpy().tolist() == [True, True]
