"""The MLP of every block (docs/architecture.md, MLP)."""

from __future__ import annotations

from typing import Any

import tensorflow as tf
from tensorflow import keras

from perceiver_keras.layers.dropout import Dropout
from perceiver_keras.layers.gelu import gelu, gelu_tanh
from perceiver_keras.layers.linear import Linear, build_part, register

ACTIVATIONS = {"gelu_tanh": gelu_tanh, "gelu": gelu}


@register
class FeedForward(keras.layers.Layer):
    """Linear to `widening_factor` times the channels, GELU, Linear back, dropout.

    Args:
        widening_factor: hidden channels divided by input channels.
        activation: "gelu_tanh" (the official models) or "gelu" (exact, the PyTorch port).
        dropout: rate on the output, in training.

    Call: [..., C] -> [..., C].
    """

    def __init__(
        self,
        *,
        widening_factor: int = 1,
        activation: str = "gelu_tanh",
        dropout: float = 0.0,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        if activation not in ACTIVATIONS:
            raise ValueError(f"activation: {activation!r} is not one of {sorted(ACTIVATIONS)}.")
        self.widening_factor = widening_factor
        self.activation = activation
        self.dropout_rate = dropout
        self.dropout = Dropout(dropout, name="dropout", dtype=self.dtype_policy)

    def build(self, input_shape: Any) -> None:
        shape = tf.TensorShape(input_shape)
        hidden = self.widening_factor * shape[-1]
        self.expand = Linear(hidden, name="expand", dtype=self.dtype_policy)
        self.contract = Linear(shape[-1], name="contract", dtype=self.dtype_policy)
        build_part(self.expand, shape)
        build_part(self.contract, shape[:-1].concatenate([hidden]))
        build_part(self.dropout, shape)
        super().build(input_shape)

    def call(self, inputs: tf.Tensor, training: bool | None = None) -> tf.Tensor:
        outputs = tf.reshape(self.contract(self.hidden(inputs, training)), tf.shape(inputs))
        outputs.set_shape(inputs.shape)
        return self.dropout(outputs, training=training)

    def hidden(self, inputs: tf.Tensor, training: bool | None = None) -> tf.Tensor:
        """What lies between the two Linears, in flat rows: [..., C] -> [R, widening_factor·C]."""
        # Flat, as a reshape between product, bias and activation would keep oneDNN from fusing the three.
        rows = tf.reshape(inputs, [-1, inputs.shape[-1]])
        return ACTIVATIONS[self.activation](self.expand(rows), training=training)

    def get_config(self) -> dict[str, Any]:
        return super().get_config() | {
            "widening_factor": self.widening_factor,
            "activation": self.activation,
            "dropout": self.dropout_rate,
        }
