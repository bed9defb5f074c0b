"""Texts, string [B] -> `label` string [B] and `probabilities` [B, classes], or `score` [B] for numbers."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import tensorflow as tf
from tensorflow import keras

from perceiver_keras.errors import UsageError
from perceiver_keras.tasks.contract.examples import Labels
from perceiver_keras.tasks.contract.serving import Serving
from perceiver_keras.tasks.shared.labels import class_names
from perceiver_keras.tasks.text_classification.data import to_input
from perceiver_keras.tasks.text_classification.presets import TextClassificationConfig


def spec(config: TextClassificationConfig) -> dict[str, tf.TensorSpec]:
    names = ("text", "text2") if config.data.text2 else ("text",)
    return {name: tf.TensorSpec([None], tf.string) for name in names}


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
    texts = tuple(tf.convert_to_tensor(raw[name]) for name in wanted)
    length = config.model.length
    encoded = tf.map_fn(
        lambda strings: tuple(to_input(strings, config)),
        texts,
        fn_output_signature=(
            tf.TensorSpec([length], tf.int32),
            tf.TensorSpec([length], tf.bool),
            tf.TensorSpec([], tf.int32),
        ),
    )
    ids, mask, cut = encoded
    inputs = {"ids": ids, "mask": mask}
    return respond(inputs, model(inputs, training=False), config, labels) | {"cut": cut}


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


SERVING = Serving(spec=spec, serve=serve, respond=respond)
