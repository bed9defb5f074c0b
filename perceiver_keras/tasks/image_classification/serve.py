"""Encoded images, string [B] -> `probabilities` [B, classes] and `label` string [B]."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import tensorflow as tf
from tensorflow import keras

from perceiver_keras.tasks.contract.examples import Labels
from perceiver_keras.tasks.contract.serving import Serving
from perceiver_keras.tasks.image_classification.data import to_input
from perceiver_keras.tasks.image_classification.presets import ImageClassificationConfig
from perceiver_keras.tasks.shared.labels import class_names


def spec(config: ImageClassificationConfig) -> dict[str, tf.TensorSpec]:
    return {"image_bytes": tf.TensorSpec([None], tf.string)}


def serve(
    model: keras.Model,
    raw: Mapping[str, Any],
    config: ImageClassificationConfig,
    labels: Labels | None,
) -> dict[str, tf.Tensor]:
    """Encoded images, string [B] -> `probabilities` [B, classes] and `label` string [B]."""
    pictures = tf.map_fn(
        lambda encoded: to_input(encoded, config),
        tf.convert_to_tensor(raw["image_bytes"]),
        fn_output_signature=tf.TensorSpec(
            [*config.model.image_size, config.model.channels], tf.float32
        ),
    )
    return respond(pictures, model(pictures, training=False), config, labels)


def respond(
    pictures: tf.Tensor,
    logits: tf.Tensor,
    config: ImageClassificationConfig,
    labels: Labels | None,
) -> dict[str, tf.Tensor]:
    probabilities = tf.nn.softmax(logits)
    names = tf.constant(class_names(labels, config.model.num_classes))
    return {
        "probabilities": probabilities,
        "label": tf.gather(names, tf.argmax(probabilities, axis=-1)),
    }


SERVING = Serving(spec=spec, serve=serve, respond=respond)
