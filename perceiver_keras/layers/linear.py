"""Linear maps, how layers are built inside layers, and the names that weights get this way.

A weight's path is the names of the layers from the model down to it, joined by "/", for example
`encode/cross_attention/attention/query/kernel`. Checkpoints, converters and the weight-decay rule use these
paths, so every layer of this package follows one rule: a part's attribute, its layer name and its
path segment are the same word. `weights_by_path` lists the paths. The words:

    attention/{query,key,value,out}/{kernel,bias}      mlp/{expand,contract}/{kernel,bias}
    cross_attention/{query_norm,key_value_norm,attention,mlp_norm,mlp}   every norm: {scale,offset}
    process/self_attention_{i}/{norm,attention,mlp_norm,mlp}             i counts the layers of one block
    encode/{latents,cross_attention}   decode/{cross_attention,out}   query/embeddings (learned queries)
    preprocess/{stem,position}/...     learned positions: position/{embeddings,projection}
"""

from __future__ import annotations

from typing import Any

import tensorflow as tf
from tensorflow import keras

from perceiver_keras.layers.product import product
from perceiver_keras.layers.weights_only import values_are_left_out

PACKAGE = "perceiver_keras"


def register(cls: type) -> type:
    """Makes a class known to `keras.saving` under this package's name."""
    return keras.saving.register_keras_serializable(package=PACKAGE)(cls)


def build_part(part: keras.layers.Layer, shape: Any) -> None:
    """Builds a part inside its parent's `build`, so that its name becomes part of its weights' names."""
    if not part.built:
        with tf.name_scope(part.name):
            part.build(shape)


def weights_by_path(layer: keras.layers.Layer) -> dict[str, tf.Variable]:
    """All weights of a built layer by their path; a shared weight has its first path only."""
    found: dict[str, tf.Variable] = {}
    seen: set[int] = set()

    def walk(part: keras.layers.Layer, prefix: str) -> None:
        for weight in part._trainable_weights + part._non_trainable_weights:
            if id(weight) not in seen:
                seen.add(id(weight))
                found[prefix + weight.name.split("/")[-1].split(":")[0]] = weight
        for child in part._flatten_layers(recursive=False, include_self=False):
            walk(child, f"{prefix}{child.name}/")

    walk(layer, "")
    return found


def kernel_initializer(zero: bool = False) -> keras.initializers.Initializer:
    """A truncated normal of variance 1/fan-in, as Haiku's `VarianceScaling(1.0)`; or zeros."""
    if zero or values_are_left_out():
        return keras.initializers.Zeros()
    return keras.initializers.VarianceScaling(1.0, mode="fan_in", distribution="truncated_normal")


@register
class Linear(keras.layers.Layer):
    """x·kernel + bias over the last axis.

    Args:
        units: channels of the output.
        use_bias: whether to add a bias, which starts at zero.
        zero_init: start from a kernel of zeros (the flow head and the projection decoder).

    Call: [..., C] -> [..., units].
    """

    def __init__(
        self, units: int, *, use_bias: bool = True, zero_init: bool = False, **kwargs: Any
    ) -> None:
        super().__init__(**kwargs)
        self.units = units
        self.use_bias = use_bias
        self.zero_init = zero_init
        self.bias = None

    def build(self, input_shape: Any) -> None:
        channels = tf.TensorShape(input_shape)[-1]
        self.kernel = self.add_weight(
            name="kernel",
            shape=(channels, self.units),
            initializer=kernel_initializer(self.zero_init),
        )
        if self.use_bias:
            self.bias = self.add_weight(name="bias", shape=(self.units,), initializer="zeros")
        super().build(input_shape)

    def call(self, inputs: tf.Tensor) -> tf.Tensor:
        # One 2-D product: oneDNN fuses it with the bias, and it is faster than a broadcast batch product.
        flat = inputs if inputs.shape.rank == 2 else tf.reshape(inputs, [-1, inputs.shape[-1]])
        outputs = product(flat, self.kernel)
        if self.bias is not None:
            outputs = tf.nn.bias_add(outputs, self.bias)
        if inputs.shape.rank == 2:
            return outputs
        outputs = tf.reshape(outputs, tf.concat([tf.shape(inputs)[:-1], [self.units]], 0))
        outputs.set_shape(inputs.shape[:-1] + [self.units])
        return outputs

    def compute_output_shape(self, input_shape: Any) -> tf.TensorShape:
        return tf.TensorShape(input_shape)[:-1].concatenate([self.units])

    def get_config(self) -> dict[str, Any]:
        return super().get_config() | {
            "units": self.units,
            "use_bias": self.use_bias,
            "zero_init": self.zero_init,
        }
