"""Texts with `[MASK]`s to the likeliest fillings (`fill.py`)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import tensorflow as tf
from tensorflow import keras

from perceiver_keras.autograph import unconverted
from perceiver_keras.data.text.byte_tokenizer import MASK_TEXT
from perceiver_keras.tasks.contract.examples import Labels
from perceiver_keras.tasks.contract.serving import Serving
from perceiver_keras.tasks.language_mlm import fill
from perceiver_keras.tasks.language_mlm.presets import LanguageMLMConfig
from perceiver_keras.tasks.shared import attended
from perceiver_keras.tasks.shared.tokens import tokenizer_of


def spec(config: LanguageMLMConfig) -> dict[str, tf.TensorSpec]:
    return {"text": tf.TensorSpec([None], tf.string)}


@unconverted
def serve(
    model: keras.Model,
    raw: Mapping[str, Any],
    config: LanguageMLMConfig,
    labels: Labels | None,
) -> dict[str, tf.Tensor]:
    """`text` string [B], of any length -> `filled`, `text` string [B]; `token`, `token_id`, `probability` [B, K, 10].

    Each `[MASK]` stands for one byte (or token). `fill.fill` describes the results.
    """
    return fill.fill(model, tokenizer_of(config), tf.convert_to_tensor(raw["text"]))


def warmup(raw: Mapping[str, tf.Tensor]) -> dict[str, tf.Tensor]:
    """Stored texts with a mask added, because a text without masks never reaches the model."""
    return {"text": tf.strings.join([MASK_TEXT, raw["text"]])}


@unconverted
def respond(
    inputs: Mapping[str, tf.Tensor],
    logits: tf.Tensor,
    config: LanguageMLMConfig,
    labels: Labels | None,
) -> dict[str, tf.Tensor]:
    """As `serve`, for the model's own inputs and outputs."""
    return fill.respond(tokenizer_of(config), inputs, logits)


def as_trained(raw: Mapping[str, tf.Tensor], config: LanguageMLMConfig) -> tf.Tensor:
    """Never: in training, other places are masked."""
    return tf.zeros(tf.shape(raw["text"]), tf.bool)


def attention(
    model: keras.Model, raw: Mapping[str, Any], config: LanguageMLMConfig
) -> dict[str, tf.Tensor]:
    """`attention` for each byte of the beginning of a text, where `[MASK]` is one, [B, M]; 0 after its end."""
    attended.bytes_only(config)
    ids = tokenizer_of(config).encode(tf.convert_to_tensor(raw["text"]))
    return {"attention": attended.positions(model, *attended.first(ids, config.model.length))}


SERVING = Serving(
    spec=spec,
    serve=serve,
    respond=respond,
    warmup=warmup,
    as_trained=as_trained,
    attended=attention,
)
