"""A stored text with one tag per byte (the byte 48 + n for tag n) to (inputs, tags).

Inputs are {"ids" int32 [M], "mask" bool [M]}; tags are int32 [M], -1 after the text.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import tensorflow as tf

from perceiver_keras.autograph import unconverted
from perceiver_keras.data.described.kinds import Kind
from perceiver_keras.data.own.tagged import FIRST, MOST_TAGS
from perceiver_keras.data.text import byte_tokenizer
from perceiver_keras.errors import UsageError
from perceiver_keras.tasks.contract.examples import Examples, Labels
from perceiver_keras.tasks.token_classification.own_data import OWN_DATA
from perceiver_keras.tasks.token_classification.presets import TokenClassificationConfig


def spec(config: TokenClassificationConfig) -> dict[str, Any]:
    return {
        "text": tf.io.FixedLenFeature([], tf.string),
        "tags": tf.io.FixedLenFeature([], tf.string),
    }


def check(features: Mapping[str, Any], config: TokenClassificationConfig) -> str | None:
    """Why a stored example can't be used, or None."""
    for name in ("text", "tags"):
        if not features.get(name):
            return f"feature {name!r} is missing"
    content, tags = features["text"][0], features["tags"][0]
    if len(content) != len(tags):
        return f"{len(tags)} tags for {len(content)} bytes of text"
    if wrong := {tag - FIRST for tag in tags} - set(range(len(config.model.tags))):
        return f"tags {sorted(wrong)} are not in 0 to {len(config.model.tags) - 1}"
    return None


def check_dataset(labels: Labels | None, config: TokenClassificationConfig) -> None:
    if not 2 <= len(config.model.tags) <= MOST_TAGS:
        raise UsageError(
            f"model.tags: expected 2 to {MOST_TAGS} names, got {len(config.model.tags)}."
        )
    if config.model.vocabulary != byte_tokenizer.VOCABULARY:
        raise UsageError(f"model.vocabulary: bytes have {byte_tokenizer.VOCABULARY} ids.")


@unconverted
def prepare(
    features: Mapping[str, tf.Tensor],
    config: TokenClassificationConfig,
    training: bool,
    seed: tf.Tensor,
) -> tuple[dict[str, tf.Tensor], tf.Tensor | None]:
    """The first M bytes of a text (in training any M bytes): {"ids", "mask"}, and tags int32 [M], -1 after the text."""
    content, tags = features["text"], features.get("tags")
    length = config.model.length
    start = tf.zeros([], tf.int32)
    if training:
        most = tf.maximum(tf.strings.length(content) - length, 0) + 1
        start = tf.random.stateless_uniform([], seed, 0, most, tf.int32)
    encoded = byte_tokenizer.encode(
        tf.strings.substr(content, start, length), length, specials=False
    )
    inputs = {"ids": encoded.ids, "mask": encoded.mask}
    if tags is None:
        return inputs, None
    cut = tf.strings.substr(tags, start, length)
    values = tf.io.decode_raw(cut, tf.uint8, fixed_length=length)
    targets = tf.where(encoded.mask, tf.cast(values, tf.int32) - FIRST, -1)
    return inputs, tf.ensure_shape(targets, [length])


def kinds(config: TokenClassificationConfig) -> dict[str, Kind]:
    return {"text": "text", "tags": "tags"}


def names(config: TokenClassificationConfig) -> dict[str, tuple[str, ...]]:
    return {"tags": config.model.tags}


EXAMPLES = Examples(
    spec=spec,
    label_key="tags",
    check=check,
    check_dataset=check_dataset,
    prepare=prepare,
    kinds=kinds,
    names=names,
    own_data=OWN_DATA,
)
