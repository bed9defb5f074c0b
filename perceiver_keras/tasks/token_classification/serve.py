"""Texts of any length to a tag and its probability for every byte."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import tensorflow as tf
from tensorflow import keras

from perceiver_keras.autograph import unconverted
from perceiver_keras.data.text import byte_tokenizer
from perceiver_keras.tasks.contract.examples import Labels
from perceiver_keras.tasks.contract.serving import Serving
from perceiver_keras.tasks.shared import attended
from perceiver_keras.tasks.token_classification.presets import TokenClassificationConfig


def spec(config: TokenClassificationConfig) -> dict[str, tf.TensorSpec]:
    return {"text": tf.TensorSpec([None], tf.string)}


@unconverted
def serve(
    model: keras.Model,
    raw: Mapping[str, Any],
    config: TokenClassificationConfig,
    labels: Labels | None,
) -> dict[str, tf.Tensor]:
    """`text` string [B], of any length -> `entity` string and `score` [B, bytes], `text` string [B].

    The bytes are padded to a multiple of the model's length: a longer text is read in adjacent windows.
    """
    length = config.model.length
    texts = tf.convert_to_tensor(raw["text"])
    ids = byte_tokenizer.byte_ids(texts, specials=False)
    width = tf.maximum(-(-tf.cast(ids.bounding_shape(1), tf.int32) // length), 1) * length
    rows = tf.shape(texts)[0]
    dense = ids.to_tensor(byte_tokenizer.PAD, shape=[None, None])
    dense = tf.pad(dense, [[0, 0], [0, width - tf.shape(dense)[1]]])
    mask = tf.sequence_mask(tf.strings.length(texts), width)
    windows = {"ids": tf.reshape(dense, [-1, length]), "mask": tf.reshape(mask, [-1, length])}
    logits = tf.reshape(model(windows, training=False), [rows, width, len(config.model.tags)])
    return respond({"ids": dense, "mask": mask}, logits, config, labels)


@unconverted
def respond(
    inputs: Mapping[str, tf.Tensor],
    logits: tf.Tensor,
    config: TokenClassificationConfig,
    labels: Labels | None,
) -> dict[str, tf.Tensor]:
    """As `serve`. `entity` is "" outside all entities and after the text; `score` is 0 after the text."""
    mask = tf.cast(inputs["mask"], tf.bool)
    probabilities = tf.nn.softmax(logits)
    names = tf.constant(["", *config.model.tags[1:]])
    ids = tf.ragged.boolean_mask(tf.cast(inputs["ids"], tf.int32), mask)
    return {
        "entity": tf.where(mask, tf.gather(names, tf.argmax(logits, -1)), ""),
        "score": tf.where(mask, tf.reduce_max(probabilities, -1), 0.0),
        "text": byte_tokenizer.byte_text(ids, valid=False),
    }


def as_trained(raw: Mapping[str, tf.Tensor], config: TokenClassificationConfig) -> tf.Tensor:
    """Of a longer text, `prepare` takes the first window."""
    return tf.strings.length(raw["text"]) <= config.model.length


def attention(
    model: keras.Model, raw: Mapping[str, Any], config: TokenClassificationConfig
) -> dict[str, tf.Tensor]:
    """`attention` for each byte of the first window of a text, [B, M]; 0 after its end."""
    ids = byte_tokenizer.byte_ids(tf.convert_to_tensor(raw["text"]), specials=False)
    return {"attention": attended.positions(model, *attended.first(ids, config.model.length))}


SERVING = Serving(
    spec=spec, serve=serve, respond=respond, as_trained=as_trained, attended=attention
)
