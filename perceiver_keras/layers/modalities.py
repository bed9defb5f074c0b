"""What the multimodal stages share: one part per modality, and padding to common channels."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import tensorflow as tf
from tensorflow import keras

from perceiver_keras.layers.chunked import axis_size


def pad_channels(array: tf.Tensor, padding: tf.Tensor) -> tf.Tensor:
    """Appends a learned vector [1, k] to each element: [B, M, C] -> [B, M, C + k]."""
    shape = [axis_size(array, 0), axis_size(array, 1), padding.shape[-1]]
    return tf.concat([array, tf.broadcast_to(padding[None], shape)], axis=-1)


def add_vector(layer: keras.layers.Layer, name: str, channels: int) -> tf.Variable:
    """A learned vector [1, channels], truncated normal 0.02."""
    return layer.add_weight(
        name=name,
        shape=(1, channels),
        initializer=keras.initializers.TruncatedNormal(stddev=0.02),
    )


def rebuild(modalities: Mapping[str, Any]) -> dict[str, keras.layers.Layer]:
    """Layers by modality, in alphabetical order; serialised ones are rebuilt."""
    return {
        name: keras.saving.deserialize_keras_object(layer) if isinstance(layer, Mapping) else layer
        for name, layer in sorted(modalities.items())
    }


class Modalities(keras.layers.Layer):
    """One part per modality, in alphabetical order; each part is named after its modality."""

    def __init__(self, *, modalities: Mapping[str, Any], **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.modalities = rebuild(modalities)
        for name, part in self.modalities.items():
            part._name = name  # the name in the paths of its weights

    def get_config(self) -> dict[str, Any]:
        parts = {
            name: keras.saving.serialize_keras_object(part)
            for name, part in self.modalities.items()
        }
        return super().get_config() | {"modalities": parts}
