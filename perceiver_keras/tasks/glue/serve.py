"""Names of tasks and their sentences to labels, scores and probabilities."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import tensorflow as tf
from tensorflow import keras

from perceiver_keras.autograph import unconverted
from perceiver_keras.data.text.glue import TASKS
from perceiver_keras.tasks.contract.examples import Labels
from perceiver_keras.tasks.contract.serving import Serving
from perceiver_keras.tasks.glue.data import batch_of, check_trained
from perceiver_keras.tasks.glue.model import IS_SCORE, NAMES, outputs_of
from perceiver_keras.tasks.glue.presets import GlueTaskConfig


def spec(config: GlueTaskConfig) -> dict[str, tf.TensorSpec]:
    names = ("task", "sentence1", "sentence2")
    return {name: tf.TensorSpec([None], tf.string) for name in names}


@unconverted
def serve(
    model: keras.Model,
    raw: Mapping[str, Any],
    config: GlueTaskConfig,
    labels: Labels | None,
) -> dict[str, tf.Tensor]:
    """`task`, `sentence1`, `sentence2` ("" if the task takes one sentence), string [B] -> as `respond`, and `cut` [B].

    `cut` is the number of bytes (or tokens) that did not fit. A task that the model was not trained on is an error.
    """
    task, first, second = (tf.convert_to_tensor(raw[key]) for key in spec(config))
    inputs, cut = batch_of(task, first, second, config)
    return respond(inputs, model(inputs, training=False), config, labels) | {"cut": cut}


@unconverted
def respond(
    inputs: Mapping[str, tf.Tensor],
    outputs: tf.Tensor,
    config: GlueTaskConfig,
    labels: Labels | None,
) -> dict[str, tf.Tensor]:
    """`label` string [B], `score` [B] (the label's probability, or the score), `probabilities` and `classes` [B, K].

    A task with a score has the label "score", probabilities 0 and "" as classes. A task that the model was not trained
    on is an error.
    """
    task = tf.cast(tf.round(outputs[:, 0]), tf.int32)
    with tf.control_dependencies([check_trained(tf.gather(tf.constant(NAMES), task), config)]):
        own = tf.identity(outputs[:, 1:])
    width = own.shape[-1]
    is_score = tf.gather(IS_SCORE, task)
    shown = outputs_of(task, width) & ~is_score[:, None]
    probabilities = tf.where(
        shown, tf.nn.softmax(tf.where(outputs_of(task, width), own, -1e9)), 0.0
    )
    names = tf.constant([[*row.labels, *[""] * width][:width] for row in TASKS])
    classes = tf.gather(names, task)
    best = tf.argmax(probabilities, axis=1)
    label = tf.gather(classes, best, batch_dims=1)
    return {
        "label": tf.where(is_score, tf.constant("score"), label),
        "score": tf.where(is_score, own[:, 0], tf.reduce_max(probabilities, axis=1)),
        "probabilities": probabilities,
        "classes": classes,
    }


SERVING = Serving(spec=spec, serve=serve, respond=respond)
