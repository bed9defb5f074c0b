"""Parts by modality: their order, their names in the paths of weights, and padding to common channels."""

from __future__ import annotations

import numpy as np
import tensorflow as tf
from tensorflow import keras

from perceiver_keras.layers.linear import Linear, weights_by_path
from perceiver_keras.layers.modalities import Modalities, add_vector, pad_channels, rebuild


class Sum(Modalities):
    """One Linear per modality; what they give is added up."""

    def build(self, input_shape):
        self.padding = add_vector(self, "padding", 500)
        for name, part in self.modalities.items():
            part.build(input_shape[name])
        super().build(input_shape)

    def call(self, inputs):
        return tf.add_n([part(inputs[name]) for name, part in self.modalities.items()])


def test_parts_are_alphabetical_and_name_their_weights():
    layer = Sum(modalities={"video": Linear(2, name="any"), "audio": Linear(2)})
    layer({"video": tf.ones([1, 3]), "audio": tf.ones([1, 4])})
    assert list(layer.modalities) == ["audio", "video"]
    shapes = {path: weight.shape[0] for path, weight in weights_by_path(layer).items()}
    assert shapes["audio/kernel"] == 4 and shapes["video/kernel"] == 3
    deviation = layer.padding.numpy().std()
    assert 0.015 < deviation < 0.02  # of a normal distribution that is cut at two deviations


def test_serialised_parts_are_rebuilt():
    config = Sum(modalities={"b": Linear(2), "a": Linear(3)}).get_config()["modalities"]
    parts = rebuild(config)
    assert [(name, type(part), part.get_config()["units"]) for name, part in parts.items()] == [
        ("a", Linear, 3),
        ("b", Linear, 2),
    ]
    given = keras.layers.Dense(1)
    assert rebuild({"a": given})["a"] is given


def test_each_element_gets_the_same_padding():
    array = np.random.default_rng(0).normal(size=(2, 3, 4)).astype(np.float32)
    padded = pad_channels(tf.constant(array), tf.constant([[7.0, 8.0]]))
    np.testing.assert_array_equal(padded[..., :4], array)
    np.testing.assert_array_equal(padded[..., 4:], np.broadcast_to([7.0, 8.0], (2, 3, 2)))
