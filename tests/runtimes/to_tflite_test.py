"""TensorFlow Lite: any batch size, the right numbers, eight bits, and operations that have no counterpart named."""

from __future__ import annotations

import numpy as np
import pytest
import tensorflow as tf

import perceiver_keras as pk
from perceiver_keras.errors import PerceiverError
from perceiver_keras.runtimes import graph, to_tflite
from tests import tiny_task as tiny
from tests.runtimes import models


def trace(answer=models.respond):
    return graph.trace(models.task(answer), tiny.CONFIG, models.one_layer(), None, plain=True)


def test_any_batch_size_has_the_numbers_of_the_weights() -> None:
    signature = trace()
    runtime = to_tflite.Runtime(to_tflite.converted(signature))
    for count in (1, 5, 2):
        request = models.pixels(count)
        answers = runtime(request)
        assert sorted(answers) == signature.outputs
        np.testing.assert_allclose(answers["logits"], models.logits(request), rtol=1e-4, atol=1e-5)
        np.testing.assert_array_equal(answers["pixels_output"], request["pixels"] * 2)


def test_attention_in_chunks_has_its_numbers() -> None:
    signature, exact = models.in_chunks()
    runtime = to_tflite.Runtime(to_tflite.converted(signature))
    for count in (1, 3):
        x = np.random.default_rng(count).normal(size=[count, 40, 4]).astype(np.float32)
        for answer in runtime({"x": x}).values():
            np.testing.assert_allclose(answer, exact(x), rtol=1e-4, atol=1e-5)


def test_a_model_of_one_s_own_goes_through_keras_s_converter() -> None:
    """After it has been called in other ways, too; the converter of Keras models makes a graph of its own."""
    x = np.random.default_rng(0).normal(size=[2, 6, 6, 1]).astype(np.float32)
    inputs = tf.keras.Input([6, 6, 1], 2)
    outputs = pk.PerceiverIO(num_latents=4, latent_dim=8, depth=1, output_dim=5)(inputs)
    model = tf.keras.Model(inputs, outputs)
    expected = model(x).numpy()
    model.predict(x, verbose=0)
    with pk.for_converters():
        content = tf.lite.TFLiteConverter.from_keras_model(model).convert()
    interpreter = tf.lite.Interpreter(model_content=content)
    (given,), (answer,) = interpreter.get_input_details(), interpreter.get_output_details()
    interpreter.resize_tensor_input(given["index"], x.shape)
    interpreter.allocate_tensors()
    interpreter.set_tensor(given["index"], x)
    interpreter.invoke()
    np.testing.assert_allclose(interpreter.get_tensor(answer["index"]), expected, atol=1e-5)


def test_what_has_no_counterpart_is_named() -> None:
    odd = trace(lambda i, outputs, c, l: {"odd": tf.math.bessel_i0e(outputs)})  # noqa: E741
    with pytest.raises(PerceiverError, match="no counterpart of BesselI0e"):
        to_tflite.converted(odd)


def test_eight_bits_take_a_quarter_and_stay_near() -> None:
    """A square matrix of 256 rows, whose weights make nearly all of the file."""
    matrix = np.random.default_rng(0).normal(size=[256, 256]).astype(np.float32)
    function = tf.function(lambda x: {"y": tf.linalg.matmul(x, tf.constant(matrix))})
    traced = function.get_concrete_function(x=tf.TensorSpec([None, 256], name="x"))
    signature = graph.Signature(traced, {"x": tf.TensorSpec([None, 256])}, "y", {})
    full, small = to_tflite.converted(signature), to_tflite.converted(signature, "dynamic")
    assert len(small) < 0.3 * len(full)
    x = np.random.default_rng(1).normal(size=[3, 256]).astype(np.float32)
    answer, exact = to_tflite.Runtime(small)({"x": x})["y"], x @ matrix
    apart = np.abs(answer - exact).max() / np.abs(exact).max()
    assert 0 < apart < 0.03
