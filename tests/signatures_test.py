"""Signatures: how often the model is traced, what leaves them, and the names of what goes in."""

import numpy as np
import pytest
import tensorflow as tf
from tensorflow import keras

from perceiver_keras import export
from perceiver_keras.layers.xla import within_control_flow
from perceiver_keras.signatures import names_of
from tests import tiny_task as tiny


def test_the_model_is_traced_once_for_all_signatures_and_apart_in_a_loop(tmp_path):
    """In a loop layers may trace otherwise, since TensorFlow fuses other operations there."""
    in_loops = []

    class Counted(tiny.TinyModel):
        def call(self, inputs, training=False):
            in_loops.append(within_control_flow())
            return super().call(inputs, training=training)

    def in_a_loop(model, raw, config, labels):
        one = lambda png: model({"pixels": tiny._pixels(png)[None]}, training=False)[0]  # noqa: E731
        return {
            "logits": tf.map_fn(one, raw["image_bytes"], fn_output_signature=tf.TensorSpec([3]))
        }

    model = Counted()
    model({"pixels": tf.zeros([1, 4, 4, 3])})
    in_loops.clear()
    export.export_saved_model(tiny.TASK, tiny.CONFIG, model, str(tmp_path / "once"))
    assert in_loops == [False]

    task = tiny.with_fields("serving", serve=in_a_loop)
    in_loops.clear()
    folder = export.export_saved_model(task, tiny.CONFIG, model, str(tmp_path / "loop"))
    assert in_loops == [True, False]
    signatures = tf.saved_model.load(folder).signatures
    pngs = tiny.pngs(3)
    answer = signatures["serving_default"](image_bytes=tf.constant(pngs))
    pixels = np.stack([tf.io.decode_png(png).numpy() / 255 for png in pngs]).astype(np.float32)
    np.testing.assert_allclose(answer["logits"], model({"pixels": pixels}), rtol=1e-5)


@pytest.mark.parametrize("dtype", ["bfloat16", "mixed_bfloat16"])
def test_half_precision_leaves_as_float32(dtype, tmp_path):
    dtype = dtype if dtype == "bfloat16" else keras.mixed_precision.Policy(dtype)
    folder = export.export_saved_model(
        tiny.TASK, tiny.CONFIG, tiny.model(dtype), str(tmp_path / "m"), warmup=tiny.examples(2)
    )
    loaded = tf.saved_model.load(folder).signatures
    for function in loaded.values():
        assert all(
            s.dtype in (tf.float32, tf.string, tf.int64)
            for s in function.structured_outputs.values()
        )
    shares = loaded["serving_default"](image_bytes=tf.constant(tiny.pngs(4)))["probabilities"]
    np.testing.assert_allclose(tf.reduce_sum(shares, -1), np.ones(4), atol=0.02)


def test_names_of_nested_inputs_follow_the_nest():
    structure = {"b": {"y": 1, "x": 2}, "a": (3, 4)}
    assert names_of(structure) == ["a_0", "a_1", "b_x", "b_y"]
    assert tf.nest.flatten(structure) == [3, 4, 2, 1]
    assert names_of(tf.TensorSpec([2])) == ["inputs"]
    assert names_of((1, [2])) == ["inputs_0", "inputs_1_0"]
