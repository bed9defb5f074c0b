"""Texts, string [B] -> `label` string [B] and `probabilities` [B, classes], or `score` [B] for numbers."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import tensorflow as tf
from tensorflow import keras

from perceiver_keras.autograph import unconverted
from perceiver_keras.errors import UsageError
from perceiver_keras.tasks.contract.examples import Labels
from perceiver_keras.tasks.contract.serving import Serving
from perceiver_keras.tasks.shared import attended
from perceiver_keras.tasks.shared.labels import class_names
from perceiver_keras.tasks.text_classification.data import to_input
from perceiver_keras.tasks.text_classification.presets import TextClassificationConfig


def spec(config: TextClassificationConfig) -> dict[str, tf.TensorSpec]:
    names = ("text", "text2") if config.data.text2 else ("text",)
    return {name: tf.TensorSpec([None], tf.string) for name in names}


@unconverted
def serve(
    model: keras.Model,
    raw: Mapping[str, Any],
    config: TextClassificationConfig,
    labels: Labels | None,
) -> dict[str, tf.Tensor]:
    """`text` string [B], and `text2` string [B] if the model takes pairs -> as `respond`, and `cut` int32 [B].

    `cut` is the number of bytes (or pieces) that did not fit.

    Raises:
      UsageError: there are pairs and the model takes single texts, or the other way round.
    """
    wanted = spec(config)
    if unlike := set(raw) ^ set(wanted):
        takes, given = ("pairs", "single texts") if "text2" in wanted else ("single texts", "pairs")
        raise UsageError(f"This model takes {takes} but was given {given} ({', '.join(unlike)}).")
    ids, mask, cut = encoded(raw, config)
    inputs = {"ids": ids, "mask": mask}
    return respond(inputs, model(inputs, training=False), config, labels) | {"cut": cut}


def encoded(raw: Mapping[str, Any], config: TextClassificationConfig) -> tuple[tf.Tensor, ...]:
    """ids and mask [B, M] of the texts, and how much of each did not fit, [B]."""
    length = config.model.length
    return tf.map_fn(
        lambda strings: tuple(to_input(strings, config)),
        tuple(tf.convert_to_tensor(raw[name]) for name in spec(config)),
        fn_output_signature=(
            tf.TensorSpec([length], tf.int32),
            tf.TensorSpec([length], tf.bool),
            tf.TensorSpec([], tf.int32),
        ),
    )


@unconverted
def respond(
    inputs: Mapping[str, tf.Tensor],
    outputs: tf.Tensor,
    config: TextClassificationConfig,
    labels: Labels | None,
) -> dict[str, tf.Tensor]:
    """`label` string [B] and `probabilities` [B, classes]; of a model of numbers `score` [B]."""
    if config.model.num_classes == 1:
        return {"score": outputs[:, 0]}
    probabilities = tf.nn.softmax(outputs)
    names = tf.constant(np.array(class_names(labels, config.model.num_classes), dtype=object))
    return {
        "probabilities": probabilities,
        "label": tf.gather(names, tf.argmax(probabilities, axis=-1)),
    }


def attention(
    model: keras.Model, raw: Mapping[str, Any], config: TextClassificationConfig
) -> dict[str, tf.Tensor]:
    """`attention` for each byte of a text that the model reads, [B, M]; 0 after its end."""
    attended.bytes_only(config)
    if config.data.text2:
        raise UsageError("--attention is for models of single texts; this one takes pairs.")
    ids, mask, _ = encoded(raw, config)
    return {"attention": attended.positions(model, ids, mask)}


SERVING = Serving(spec=spec, serve=serve, respond=respond, attended=attention)
