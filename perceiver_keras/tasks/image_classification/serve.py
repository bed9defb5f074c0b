"""Encoded images, string [B] -> `probabilities` [B, classes] and `label` string [B]."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import tensorflow as tf
from tensorflow import keras

from perceiver_keras.autograph import unconverted
from perceiver_keras.data import image
from perceiver_keras.tasks.contract.examples import Labels
from perceiver_keras.tasks.contract.serving import Serving
from perceiver_keras.tasks.image_classification.data import takes_the_middle, to_input
from perceiver_keras.tasks.image_classification.presets import ImageClassificationConfig
from perceiver_keras.tasks.shared import attended
from perceiver_keras.tasks.shared.labels import class_names


def spec(config: ImageClassificationConfig) -> dict[str, tf.TensorSpec]:
    return {"image_bytes": tf.TensorSpec([None], tf.string)}


@unconverted
def serve(
    model: keras.Model,
    raw: Mapping[str, Any],
    config: ImageClassificationConfig,
    labels: Labels | None,
) -> dict[str, tf.Tensor]:
    """Encoded images, string [B] -> `probabilities` [B, classes] and `label` string [B]."""
    pictures = decoded(raw, config)
    return respond(pictures, model(pictures, training=False), config, labels)


def decoded(raw: Mapping[str, Any], config: ImageClassificationConfig) -> tf.Tensor:
    """Encoded images as the model takes them, [B, H, W, C]."""
    return tf.map_fn(
        lambda encoded: to_input(encoded, config),
        tf.convert_to_tensor(raw["image_bytes"]),
        fn_output_signature=tf.TensorSpec(
            [*config.model.image_size, config.model.channels], tf.float32
        ),
    )


@unconverted
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


def attention(
    model: keras.Model, raw: Mapping[str, Any], config: ImageClassificationConfig
) -> dict[str, tf.Tensor]:
    """`attention` [B, rows, columns], a grid over what the model sees of each picture, and `seen` [B, 4], which part.

    `seen` is (top, left, bottom, right) as shares of the picture.
    """
    size, middle = config.model.image_size, takes_the_middle(config)

    def part(encoded: tf.Tensor) -> tf.Tensor:
        if not middle:
            return tf.constant([0.0, 0.0, 1.0, 1.0])
        return image.central_part(image.decode_image(encoded, config.model.channels), size[0])

    encoded = tf.convert_to_tensor(raw["image_bytes"])
    return {
        "attention": attended.places(attended.positions(model, decoded(raw, config)), *size),
        "seen": tf.map_fn(part, encoded, fn_output_signature=tf.TensorSpec([4], tf.float32)),
    }


SERVING = Serving(spec=spec, serve=serve, respond=respond, attended=attention)
