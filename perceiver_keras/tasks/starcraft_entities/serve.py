"""`entities` [B, E, F], `mask` [B, E] -> `embeddings` [B, E, C], `pooled` [B, C], `pointer` [B, E], `winning` [B]."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import tensorflow as tf
from tensorflow import keras

from perceiver_keras.autograph import unconverted
from perceiver_keras.tasks.contract.examples import Labels
from perceiver_keras.tasks.contract.serving import Serving
from perceiver_keras.tasks.starcraft_entities.presets import StarcraftEntitiesConfig


def spec(config: StarcraftEntitiesConfig) -> dict[str, tf.TensorSpec]:
    return {
        "entities": tf.TensorSpec([None, None, len(config.model.features)], tf.float32),
        "mask": tf.TensorSpec([None, None], tf.int64),
    }


@unconverted
def serve(
    model: keras.Model,
    raw: Mapping[str, Any],
    config: StarcraftEntitiesConfig,
    labels: Labels | None,
) -> dict[str, tf.Tensor]:
    """`entities` [B, E, F] and `mask` [B, E], 1 for an entity -> the model's outputs, `winning` as a probability."""
    inputs = {
        "entities": tf.cast(raw["entities"], tf.float32),
        "mask": tf.cast(raw["mask"], tf.int64),
    }
    return respond(inputs, model(inputs, training=False), config, labels)


@unconverted
def respond(
    inputs: Mapping[str, tf.Tensor],
    outputs: Mapping[str, tf.Tensor],
    config: StarcraftEntitiesConfig,
    labels: Labels | None,
) -> dict[str, tf.Tensor]:
    """The model's outputs, `winning` as a probability."""
    return {**outputs, "winning": tf.sigmoid(outputs["winning"])}


SERVING = Serving(spec=spec, serve=serve, respond=respond)
