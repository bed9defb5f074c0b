"""A set of entities to [B, M, C] (paper, section 4.4): no order, so no positions."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import tensorflow as tf
from tensorflow import keras

from perceiver_keras.layers.linear import Linear, build_part, register


@register
class EntitiesPreprocess(keras.layers.Layer):
    """A Linear on each entity's features. The model's mask says which entities are real.

    Args:
        channels: channels of an entity after the Linear.

    Call: entities [B, M, F], alone or as {"entities": ..., ...} -> [B, M, channels].
    """

    def __init__(self, *, channels: int, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.channels = channels
        self.linear = Linear(channels, name="linear", dtype=self.dtype_policy)

    def build(self, input_shape: Any) -> None:
        build_part(self.linear, _entities(input_shape))
        super().build(input_shape)

    def compute_output_shape(self, input_shape: Any) -> tf.TensorShape:
        return self.linear.compute_output_shape(_entities(input_shape))

    def call(self, entities: Any, training: bool | None = None) -> tf.Tensor:
        return self.linear(_entities(entities))

    def get_config(self) -> dict[str, Any]:
        return super().get_config() | {"channels": self.channels}


def _entities(inputs: Any) -> Any:
    return inputs["entities"] if isinstance(inputs, Mapping) else inputs
