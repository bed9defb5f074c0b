"""A stored text or pair to ({"ids" int32 [M], "mask" bool [M]}, class int64 [] or number float32 [])."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import tensorflow as tf

from perceiver_keras.autograph import unconverted
from perceiver_keras.data.described.kinds import Kind
from perceiver_keras.data.seeds import fold_in
from perceiver_keras.data.text.byte_tokenizer import MASK, SEP, Encoded, fit
from perceiver_keras.errors import UsageError
from perceiver_keras.tasks.contract.examples import Examples, Labels
from perceiver_keras.tasks.shared.labels import check_num_classes
from perceiver_keras.tasks.shared.text_pairs import join
from perceiver_keras.tasks.shared.tokens import VOCABULARY, tokenizer_of
from perceiver_keras.tasks.text_classification import columns
from perceiver_keras.tasks.text_classification.own_data import OWN_DATA
from perceiver_keras.tasks.text_classification.presets import TextClassificationConfig


def spec(config: TextClassificationConfig) -> dict[str, Any]:
    """What is stored, by the data set's own names."""
    *texts, label = columns.stored(config)
    label_type = tf.as_dtype(config.data.label_type)
    return {
        **{name: tf.io.FixedLenFeature([], tf.string) for name in texts},
        label: tf.io.FixedLenFeature([], label_type),
    }


def check(features: Mapping[str, Any], config: TextClassificationConfig) -> str | None:
    """Why a stored example can't be used, or None."""
    *texts, key = columns.stored(config)
    for name in (*texts, key):
        if not features.get(name):
            return f"feature {name!r} is missing"
    if not any(features[name][0].strip() for name in texts):
        return f"feature {texts[0]!r} is empty"
    label, classes = features[key][0], config.model.num_classes
    if classes == 1:
        return None if math.isfinite(label) else f"{key} is {label}, not a finite number"
    if label == -1:
        return f"{key} is -1, as in splits whose answers are not known; take another split"
    if not 0 <= label < classes or label != int(label):
        return f"{key} {label} is not in 0 to {classes - 1}"
    return None


def check_dataset(labels: Labels | None, config: TextClassificationConfig) -> None:
    if config.data.sentencepiece == "train":
        raise UsageError(
            "data.sentencepiece: name the file that the language model was trained with."
        )
    tokenizer_of(config)
    if labels is not None and config.model.num_classes == 1:
        raise UsageError(
            f"Data set {config.data.dataset!r} has {len(labels)} classes but model.num_classes=1 is for numbers; "
            f"add --set model.num_classes={len(labels)}."
        )
    check_num_classes(labels, config)


@unconverted
def prepare(
    features: Mapping[str, tf.Tensor],
    config: TextClassificationConfig,
    training: bool,
    seed: tf.Tensor,
) -> tuple[dict[str, tf.Tensor], tf.Tensor | None]:
    """The beginning of a text, or of both texts of a pair, and the class, int64 [], or the number, float32 [].

    In training, `data.crop` and `data.token_dropout` vary what is read; both are determined by `seed`.
    """
    *texts, key = columns.stored(config)
    encoded = to_input([features[name] for name in texts], config, seed if training else None)
    inputs = {"ids": encoded.ids, "mask": encoded.mask}
    if training and config.data.token_dropout:
        chance = tf.random.stateless_uniform(encoded.ids.shape, fold_in(seed, 2))
        hidden = encoded.mask & (encoded.ids != SEP) & (chance < config.data.token_dropout)
        inputs["ids"] = tf.where(hidden, MASK, encoded.ids)
    label = features.get(key)
    if label is None:
        return inputs, None
    if config.model.num_classes == 1:
        return inputs, tf.cast(label, tf.float32)
    if training:
        hint = "a class of -1 is not an answer: such a split can't be trained on"
        tf.debugging.assert_greater(label, tf.cast(-1, label.dtype), message=hint)
    return inputs, tf.cast(label, tf.int64)


def to_input(
    texts: Sequence[tf.Tensor], config: TextClassificationConfig, seed: tf.Tensor | None = None
) -> Encoded:
    """One or two strings [] as the model takes them.

    A single text is its tokens alone, as the language model has seen texts.

    Args:
      texts: Any bytes; may be empty.
      config: Of the task.
      seed: int32 [2]; where a single text is cropped if `data.crop` is "random". None: at its beginning.
    """
    tokenizer, length = tokenizer_of(config), config.model.length
    if len(texts) == 2:
        return join(*texts, tokenizer, length)
    ids = tokenizer.encode(tf.reshape(texts[0], [1]), specials=False)[0]
    if seed is not None and config.data.crop == "random":
        last = tf.maximum(tf.size(ids) - length, 0)
        start = tf.random.stateless_uniform([], fold_in(seed, 1), 0, last + 1, tf.int32)
        ids = ids[start:]
    return fit(ids, length)


def kinds(config: TextClassificationConfig) -> dict[str, Kind]:
    """By the data set's own names, as in `spec`."""
    *texts, key = columns.stored(config)
    found: dict[str, Kind] = {name: "text" for name in texts}
    found[key] = "number" if config.model.num_classes == 1 else "label"
    return found


EXAMPLES = Examples(
    spec=spec,
    label_key="label",
    check=check,
    check_dataset=check_dataset,
    prepare=prepare,
    kinds=kinds,
    stored_label=columns.stored_label,
    settings_of=columns.settings_of,
    vocabulary=VOCABULARY,
    own_data=OWN_DATA,
)
